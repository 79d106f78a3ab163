/** Something else is said of each record of a large batch. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { without } from "#share/aborted.ts";
import type { Acknowledgement } from "#share/acknowledge.ts";
import { DEFAULT_SHARE_SETTINGS, type ShareSettings } from "#share/limits.ts";
import { AcknowledgeType, RecordState } from "#share/record-state.ts";
import { SharePartition } from "#share/share-partition.ts";

const { ACCEPT, RELEASE, REJECT, RENEW } = AcknowledgeType;
const RECORDS = 42_000;
const LAST = RECORDS - 1;

const alternating = (...types: number[]) => Array.from({ length: RECORDS }, (_, at) => types[at % types.length]);
const atOnce = (types: readonly number[]): Acknowledgement[] => [
  { firstOffset: 0, lastOffset: LAST, acknowledgeTypes: types },
];
const oneByOne = (types: readonly number[]): Acknowledgement[] =>
  types.map((type, offset) => ({ firstOffset: offset, lastOffset: offset, acknowledgeTypes: [type] }));
const everyOther = Array.from({ length: RECORDS / 2 }, (_, at) => ({ first: 2 * at + 1, last: 2 * at + 1 }));

/** A member holds all records of one batch. */
class HeldBatch {
  readonly partition: SharePartition;
  private readonly settings: ShareSettings;

  constructor(settings: Partial<ShareSettings> = {}) {
    this.settings = { ...DEFAULT_SHARE_SETTINGS, ...settings };
    const all = { firstOffset: 0, lastOffset: LAST, deliveryState: RecordState.AVAILABLE, deliveryCount: 0 };
    const partition = SharePartition.load({ stateEpoch: 1, startOffset: 0, stateBatches: [all] });
    if (partition === null) throw new Error("the state contradicts itself");
    this.partition = partition;
    expect(this.fetch("a")).toEqual([{ first: 0, last: LAST, deliveryCount: 1 }]);
  }

  at(nowMs = 0) {
    return { nowMs, settings: this.settings };
  }

  fetch(memberId: string) {
    const fetchOffset = this.partition.nextFetchOffset();
    const read = { fetchOffset, batches: [{ baseOffset: 0, lastOffset: LAST }] };
    return this.partition.acquire({ memberId, mode: 0, batchSize: 500, maxRecords: RECORDS, ...read }, this.at());
  }

  say(said: readonly Acknowledgement[], nowMs = 0) {
    return this.partition.acknowledge("a", said, this.at(nowMs));
  }

  /** How many state batches were written; and what goes to the dead-letter queue. */
  done(said: readonly Acknowledgement[], nowMs = 0) {
    const { write, errorCode } = this.say(said, nowMs);
    expect(errorCode).toBe(ErrorCode.NONE);
    if (write === null) throw new Error("there is nothing to write");
    const { deadLetters } = this.partition.writeEnded(write.writeId, true, this.at(nowMs));
    return { written: write.stateBatches.length, deadLetters };
  }
}

/** What each of these takes where the work grows with the square of what is said is much longer still. */
const TIMEOUT_MS = 20_000;

describe("something else about each record of a batch", { timeout: TIMEOUT_MS }, () => {
  it.each([
    ["in one acknowledgement", atOnce],
    ["in an acknowledgement for each", oneByOne],
  ])("is understood %s", (_, say) => {
    const batch = new HeldBatch();
    expect(batch.done(say(alternating(ACCEPT, RENEW, RELEASE)), 20_000).written).toBe((2 * RECORDS) / 3);
    expect(batch.partition.startOffset).toBe(1);
    batch.partition.expireLocks(batch.at(30_000));
    const held = batch.partition.runs.filter(({ state }) => state === RecordState.ACQUIRED);
    expect(held).toHaveLength(RECORDS / 3);
    expect(held[0]).toMatchObject({ first: 1, last: 1, lockDeadlineMs: 50_000 });
  });

  it("is refused as a whole for one of them", () => {
    const batch = new HeldBatch();
    const again = { firstOffset: LAST, lastOffset: LAST, acknowledgeTypes: [ACCEPT] };
    const outcome = batch.say([...oneByOne(alternating(ACCEPT, RELEASE)), again]);
    expect(outcome).toEqual({ errorCode: ErrorCode.INVALID_RECORD_STATE, write: null });
    expect(batch.partition.runs).toMatchObject([{ first: 0, last: LAST, state: RecordState.ACQUIRED, memberId: "a" }]);
  });

  it("is understood when the same is said of one of them again and again", () => {
    const batch = new HeldBatch();
    batch.done(atOnce(alternating(ACCEPT, RENEW)));
    const again = Array.from({ length: RECORDS }, () => ({
      firstOffset: LAST,
      lastOffset: LAST,
      acknowledgeTypes: [RENEW],
    }));
    expect(batch.say(again, 20_000)).toEqual({ errorCode: ErrorCode.NONE, write: null });
    expect(batch.partition.runs.at(-1)).toMatchObject({ first: LAST, lockDeadlineMs: 50_000 });
  });

  it("leaves what was released to somebody else", () => {
    const batch = new HeldBatch();
    batch.done(atOnce(alternating(ACCEPT, RELEASE)));
    const acquired = batch.fetch("b");
    expect(acquired).toEqual(everyOther.map((range) => ({ ...range, deliveryCount: 2 })));
  });

  it("is stored with one write when it has come to the dead-letter queue", () => {
    const batch = new HeldBatch({ hasDeadLetterQueue: true });
    const { deadLetters } = batch.done(atOnce(alternating(ACCEPT, REJECT)));
    expect(deadLetters).toHaveLength(RECORDS / 2);
    const write = batch.partition.deadLettersWritten(deadLetters);
    expect(write?.stateBatches).toHaveLength(RECORDS / 2);
    if (write !== null) batch.partition.writeEnded(write.writeId, true, batch.at());
    expect(batch.partition.startOffset).toBe(RECORDS);
  });

  it("goes on to the dead-letter queue when that the holds have run out can't be stored", () => {
    const batch = new HeldBatch({ hasDeadLetterQueue: true, deliveryCountLimit: 2 });
    batch.done(atOnce(alternating(ACCEPT, RELEASE)));
    batch.fetch("b");
    const { write } = batch.partition.expireLocks(batch.at(30_000));
    const { deadLetters } = batch.partition.writeEnded(write?.writeId ?? -1, false, batch.at(30_000));
    expect(deadLetters).toHaveLength(RECORDS / 2);
  });

  it("is archived where its transaction was aborted", () => {
    const batch = new HeldBatch();
    batch.partition.archiveAborted(everyOther);
    expect(batch.partition.runs).toHaveLength(RECORDS);
    const each = Array.from({ length: RECORDS }, (_, offset) => ({ first: offset, last: offset }));
    expect(without(each, everyOther)).toHaveLength(RECORDS / 2);
  });
});
