import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { DEFAULT_SHARE_SETTINGS, type ShareSettings } from "#share/limits.ts";
import { AcknowledgeType, AcquireMode, RecordState } from "#share/record-state.ts";
import { SharePartition, type ShareWrite } from "#share/share-partition.ts";

const { ACCEPT, RELEASE, REJECT, RENEW, GAP } = AcknowledgeType;
const LOCK_MS = 30_000;

interface Fetch {
  readonly memberId?: string;
  readonly maxRecords?: number;
  readonly batchSize?: number;
  readonly mode?: AcquireMode;
  readonly nowMs?: number;
}

class Group {
  readonly partition: SharePartition;
  readonly settings: ShareSettings;

  constructor(settings: Partial<ShareSettings> = {}, partition = loaded(0)) {
    this.settings = { ...DEFAULT_SHARE_SETTINGS, ...settings };
    this.partition = partition;
  }

  at(nowMs = 0) {
    return { nowMs, settings: this.settings };
  }

  /** Reads batches such as "0-9 10-19" and says what was acquired as "0-9x1 10-19x1". */
  fetch(batches: string, { memberId = "a", maxRecords = 500, batchSize = 500, mode = 0, nowMs = 0 }: Fetch = {}) {
    const fetchOffset = this.partition.nextFetchOffset();
    const read = rangesOf(batches).map(([baseOffset, lastOffset]) => ({ baseOffset, lastOffset }));
    return this.partition
      .acquire({ memberId, mode, batchSize, maxRecords, fetchOffset, batches: read }, this.at(nowMs))
      .map(({ first, last, deliveryCount }) => `${first}-${last}x${deliveryCount}`)
      .join(" ");
  }

  /** Answers the write, which isn't stored yet. */
  say(type: number | number[], range: string, { memberId = "a", nowMs = 0 } = {}): ShareWrite | null {
    const [[firstOffset, lastOffset]] = rangesOf(range);
    const acknowledgeTypes = typeof type === "number" ? [type] : type;
    const outcome = this.partition.acknowledge(
      memberId,
      [{ firstOffset, lastOffset, acknowledgeTypes }],
      this.at(nowMs),
    );
    expect(outcome.errorCode).toBe(ErrorCode.NONE);
    return outcome.write;
  }

  refused(type: number | number[], range: string, { memberId = "a", nowMs = 0 } = {}): ErrorCode {
    const before = this.states();
    const [[firstOffset, lastOffset]] = rangesOf(range);
    const acknowledgeTypes = typeof type === "number" ? [type] : type;
    const outcome = this.partition.acknowledge(
      memberId,
      [{ firstOffset, lastOffset, acknowledgeTypes }],
      this.at(nowMs),
    );
    expect(this.states()).toBe(before);
    return outcome.errorCode;
  }

  stored(write: ShareWrite | null, nowMs = 0) {
    return write === null ? null : this.partition.writeEnded(write.writeId, true, this.at(nowMs));
  }

  lost(write: ShareWrite | null, nowMs = 0) {
    return write === null ? null : this.partition.writeEnded(write.writeId, false, this.at(nowMs));
  }

  /** Acknowledges and stores. */
  done(type: number | number[], range: string, who = {}) {
    return this.stored(this.say(type, range, who));
  }

  states(): string {
    const names = ["available", "acquired", "acknowledged", "archiving", "archived"];
    return this.partition.runs
      .map((run) => `${run.first}-${run.last} ${names[run.state]}x${run.deliveryCount}${run.memberId}`)
      .join(", ");
  }
}

function loaded(startOffset: number, stateBatches: readonly [string, number, number][] = []): SharePartition {
  const batches = stateBatches.map(([range, deliveryState, deliveryCount]) => {
    const [[firstOffset, lastOffset]] = rangesOf(range);
    return { firstOffset, lastOffset, deliveryState, deliveryCount };
  });
  const partition = SharePartition.load({ stateEpoch: 1, startOffset, stateBatches: batches });
  if (partition === null) throw new Error("the state contradicts itself");
  return partition;
}

function rangesOf(text: string): [number, number][] {
  return text.split(" ").map((range) => range.split("-").map(Number) as [number, number]);
}

describe("acquiring", () => {
  it("gives each record to one member, and goes on where nobody has been", () => {
    const group = new Group();
    expect(group.fetch("0-9")).toBe("0-9x1");
    expect(group.partition.nextFetchOffset()).toBe(10);
    expect(group.fetch("10-14", { memberId: "b" })).toBe("10-14x1");
    expect(group.fetch("0-14", { memberId: "b" })).toBe("");
    expect(group.states()).toBe("0-9 acquiredx1a, 10-14 acquiredx1b");
  });

  it("takes whole batches beyond the records asked for", () => {
    const group = new Group();
    expect(group.fetch("0-9 10-19 20-29", { maxRecords: 12 })).toBe("0-19x1");
  });

  it("takes no more than asked for with a record limit, and leaves the rest of the batch available", () => {
    const group = new Group();
    expect(group.fetch("0-9 10-19", { maxRecords: 12, mode: AcquireMode.RECORD_LIMIT })).toBe("0-11x1");
    expect(group.states()).toBe("0-11 acquiredx1a, 12-19 availablex0");
    expect(group.fetch("10-19", { maxRecords: 3, mode: AcquireMode.RECORD_LIMIT, memberId: "b" })).toBe("12-14x1");
  });

  it("cuts what it acquires where batches of the log end", () => {
    const group = new Group();
    expect(group.fetch("0-4 5-9 10-14 15-19", { batchSize: 8 })).toBe("0-9x1 10-19x1");
    expect(new Group().fetch("0-4 5-9", { batchSize: 0 })).toBe("0-4x1 5-9x1");
  });

  it("ends at the limit of what is in flight, which doesn't hold back what was released", () => {
    const group = new Group({ maxRecordLocks: 10 });
    expect(group.fetch("0-9 10-19")).toBe("0-9x1");
    expect(group.partition.canAcquire(group.settings)).toBe(false);
    expect(group.fetch("10-19")).toBe("");
    group.done(RELEASE, "3-5");
    expect(group.partition.canAcquire(group.settings)).toBe(true);
    expect(group.partition.nextFetchOffset()).toBe(3);
    expect(group.fetch("0-9 10-19", { memberId: "b" })).toBe("3-5x2");
  });

  it("bounds what one acquisition of a huge batch brings into flight", () => {
    const group = new Group();
    expect(group.fetch("0-999999", { maxRecords: 10 })).toBe("0-19999x1");
  });

  it("passes over what was compacted away", () => {
    const group = new Group();
    expect(group.fetch("5-9")).toBe("5-9x1");
    expect(group.partition.startOffset).toBe(5);
    group.done(RELEASE, "5-9");
    expect(group.fetch("8-9")).toBe("8-9x2");
    group.done(ACCEPT, "8-9");
    expect(group.partition.startOffset).toBe(10);
  });

  it("begins within a batch when the start offset lies there", () => {
    const group = new Group({}, loaded(5));
    expect(group.fetch("0-9")).toBe("5-9x1");
    expect(new Group({}, loaded(10)).fetch("0-9")).toBe("");
  });

  it("brings suspects in smaller and smaller parts, and alone on their last delivery", () => {
    const group = new Group({ deliveryCountLimit: 5 });
    group.fetch("0-15");
    for (let delivery = 2; delivery <= 3; delivery++) {
      group.done(RELEASE, "0-15");
      expect(group.fetch("0-15")).toBe(`0-15x${delivery}`);
    }
    group.done(RELEASE, "0-15");
    expect(group.fetch("0-15 16-19")).toBe("0-7x4");
    group.done(RELEASE, "0-7");
    expect(group.fetch("0-15 16-19")).toBe("0-0x5");
    group.done(RELEASE, "0-0");
    expect(group.fetch("0-15 16-19")).toBe("1-1x5");
    expect(group.partition.startOffset).toBe(1);
  });
});

describe("acknowledging", () => {
  it("moves the start offset when what is done is stored, not before", () => {
    const group = new Group();
    group.fetch("0-9");
    const write = group.say(ACCEPT, "0-4");
    expect(write).toMatchObject({ startOffset: 0, deliveryCompleteCount: 5, stateEpoch: 1 });
    expect(write?.stateBatches).toEqual([
      { firstOffset: 0, lastOffset: 4, deliveryState: RecordState.ACKNOWLEDGED, deliveryCount: 1 },
    ]);
    expect(group.partition.startOffset).toBe(0);
    group.stored(write);
    expect(group.partition.startOffset).toBe(5);
    group.done(ACCEPT, "5-9");
    expect(group.partition.startOffset).toBe(10);
    expect(group.partition.inFlightCount).toBe(0);
  });

  it("undoes what can't be stored", () => {
    const group = new Group();
    group.fetch("0-9");
    const write = group.say([ACCEPT, RELEASE, REJECT, GAP], "0-3");
    expect(group.refused(ACCEPT, "0-3")).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(group.fetch("0-9", { memberId: "b" })).toBe("");
    group.lost(write);
    expect(group.states()).toBe("0-9 acquiredx1a");
    group.done(ACCEPT, "0-9");
    expect(group.partition.startOffset).toBe(10);
  });

  it("doesn't give a hold back that has run out while its end couldn't be stored", () => {
    const group = new Group();
    group.fetch("0-9");
    const write = group.say(ACCEPT, "0-9");
    group.partition.expireLocks(group.at(LOCK_MS));
    group.lost(write, LOCK_MS);
    expect(group.states()).toBe("0-9 availablex1");
    expect(group.partition.nextFetchOffset()).toBe(0);
  });

  it("still ends the hold of an acknowledgement that was undone", () => {
    const group = new Group();
    group.fetch("0-9");
    const write = group.say(ACCEPT, "0-9");
    group.partition.expireLocks(group.at(LOCK_MS - 1));
    group.lost(write, LOCK_MS - 1);
    expect(group.partition.nextDeadlineMs).toBe(LOCK_MS);
    group.partition.expireLocks(group.at(LOCK_MS));
    expect(group.states()).toBe("0-9 availablex1");
  });

  it("takes one type for each record", () => {
    const group = new Group();
    group.fetch("0-9");
    group.done([ACCEPT, RELEASE, REJECT, GAP, ACCEPT], "0-4");
    expect(group.states()).toBe("1-1 availablex1, 2-3 archivedx1, 4-4 acknowledgedx1, 5-9 acquiredx1a");
    expect(group.partition.deliveryCompleteCount).toBe(3);
  });

  it("refuses who doesn't hold the records, and records that nobody has had", () => {
    const group = new Group({}, loaded(10));
    expect(group.refused(ACCEPT, "10-12")).toBe(ErrorCode.INVALID_RECORD_STATE);
    group.fetch("10-19");
    group.done(ACCEPT, "12-13");
    expect(group.refused(ACCEPT, "10-11", { memberId: "b" })).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(group.refused(ACCEPT, "10-12")).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(group.refused(ACCEPT, "18-20")).toBe(ErrorCode.INVALID_REQUEST);
    expect(group.refused(ACCEPT, "20-25")).toBe(ErrorCode.INVALID_REQUEST);
    expect(group.refused([ACCEPT, 9], "14-15")).toBe(ErrorCode.INVALID_REQUEST);
    expect(group.refused([ACCEPT, ACCEPT], "14-16")).toBe(ErrorCode.INVALID_REQUEST);
    expect(group.refused([], "14-16")).toBe(ErrorCode.INVALID_REQUEST);
    expect(group.say(ACCEPT, "0-9")).toBeNull();
  });

  it("undoes a request of which a later part is refused", () => {
    const group = new Group();
    group.fetch("0-9");
    const said = [
      { firstOffset: 0, lastOffset: 2, acknowledgeTypes: [ACCEPT] },
      { firstOffset: 2, lastOffset: 4, acknowledgeTypes: [ACCEPT] },
    ];
    const outcome = group.partition.acknowledge("a", said, group.at());
    expect(outcome.errorCode).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(group.states()).toBe("0-9 acquiredx1a");
  });

  it("archives at the limit of deliveries instead of releasing", () => {
    const group = new Group({ deliveryCountLimit: 2 });
    group.fetch("0-9");
    group.done(RELEASE, "0-9");
    expect(group.fetch("0-9")).toBe("0-9x2");
    group.done(RELEASE, "0-9");
    expect(group.partition.startOffset).toBe(10);
  });

  it("archives what was delivered more often than a limit that was lowered since", () => {
    const partition = loaded(0, [["0-9", RecordState.AVAILABLE, 4]]);
    const group = new Group({ deliveryCountLimit: 3 }, partition);
    expect(group.fetch("0-9 10-14")).toBe("10-14x1");
    expect(partition.startOffset).toBe(10);
  });
});

describe("holds", () => {
  it("run out, and the records go to somebody else", () => {
    const group = new Group();
    group.fetch("0-9");
    expect(group.partition.expireLocks(group.at(LOCK_MS - 1))).toEqual({ write: null, mayWake: false });
    const { write, mayWake } = group.partition.expireLocks(group.at(LOCK_MS));
    expect(mayWake).toBe(true);
    expect(write?.stateBatches).toEqual([{ firstOffset: 0, lastOffset: 9, deliveryState: 0, deliveryCount: 1 }]);
    expect(group.refused(ACCEPT, "0-9", { nowMs: LOCK_MS })).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(group.fetch("0-9", { memberId: "b", nowMs: LOCK_MS })).toBe("0-9x2");
    expect(group.partition.nextDeadlineMs).toBe(2 * LOCK_MS);
  });

  it("are renewed where the group allows it", () => {
    const group = new Group();
    group.fetch("0-9");
    expect(group.say([RENEW, RENEW, ACCEPT], "0-2", { nowMs: 20_000 })).not.toBeNull();
    group.partition.expireLocks(group.at(LOCK_MS));
    expect(group.states()).toBe("0-1 acquiredx1a, 2-2 acknowledgedx1, 3-9 availablex1");
    const strict = new Group({ isRenewEnabled: false });
    strict.fetch("0-9");
    expect(strict.refused(RENEW, "0-9")).toBe(ErrorCode.INVALID_RECORD_STATE);
  });

  it("end with their member", () => {
    const group = new Group();
    group.fetch("0-9");
    group.fetch("10-19", { memberId: "b" });
    group.done(ACCEPT, "2-3");
    group.stored(group.partition.releaseMember("a", group.at()));
    expect(group.states()).toBe("0-1 availablex1, 2-3 acknowledgedx1, 4-9 availablex1, 10-19 acquiredx1b");
    expect(group.partition.releaseMember("a", group.at())).toBeNull();
  });
});

describe("the log", () => {
  it("may begin later than what is in flight", () => {
    const group = new Group();
    group.fetch("0-9 10-19", { batchSize: 10 });
    group.done(RELEASE, "0-9");
    group.partition.logStartMoved(5);
    expect(group.states()).toBe("5-9 availablex1, 10-19 acquiredx1a");
    group.partition.logStartMoved(15);
    expect(group.partition.startOffset).toBe(15);
    group.done(ACCEPT, "10-19");
    expect(group.partition.startOffset).toBe(20);
    group.partition.logStartMoved(100);
    expect(group.partition.nextFetchOffset()).toBe(100);
    group.partition.logStartMoved(50);
    expect(group.partition.startOffset).toBe(100);
  });
});

describe("stored state", () => {
  it("is gone on from; what isn't stored was in flight", () => {
    const partition = loaded(10, [
      ["10-11", RecordState.ACKNOWLEDGED, 1],
      ["14-15", RecordState.ARCHIVED, 3],
      ["16-19", RecordState.AVAILABLE, 2],
    ]);
    const group = new Group({}, partition);
    expect(partition.startOffset).toBe(12);
    expect(partition.nextFetchOffset()).toBe(12);
    expect(group.fetch("10-29")).toBe("12-13x1 16-19x3 20-29x1");
  });

  it("is refused when it contradicts itself", () => {
    const load = (stateBatches: object[]) =>
      SharePartition.load({ stateEpoch: 0, startOffset: 5, stateBatches: stateBatches as never });
    const batch = { firstOffset: 5, lastOffset: 9, deliveryState: 0, deliveryCount: 1 };
    expect(load([batch])).not.toBeNull();
    expect(load([{ ...batch, firstOffset: 4 }])).toBeNull();
    expect(load([batch, { ...batch, firstOffset: 9, lastOffset: 12 }])).toBeNull();
    expect(load([{ ...batch, firstOffset: 10 }])).toBeNull();
  });
});

describe("the dead-letter queue", () => {
  it("gets what was rejected or delivered too often, before it is archived", () => {
    const group = new Group({ hasDeadLetterQueue: true, deliveryCountLimit: 2 });
    group.fetch("0-9");
    const first = group.done([REJECT, ACCEPT, RELEASE], "0-2");
    expect(first?.deadLetters).toEqual([{ first: 0, last: 0, deliveryCount: 1, cause: "rejected" }]);
    expect(group.partition.startOffset).toBe(0);
    const write = group.partition.deadLettersWritten(first?.deadLetters ?? []);
    expect(write?.stateBatches).toEqual([{ firstOffset: 0, lastOffset: 0, deliveryState: 4, deliveryCount: 1 }]);
    group.stored(write);
    expect(group.partition.startOffset).toBe(2);
    group.fetch("2-2");
    const { write: expired } = group.partition.expireLocks(group.at(LOCK_MS));
    expect(group.lost(expired)?.deadLetters).toEqual([
      { first: 2, last: 2, deliveryCount: 2, cause: "delivery count exceeded" },
    ]);
  });

  it("is gone on with after a restart", () => {
    const group = new Group({ hasDeadLetterQueue: true }, loaded(0, [["0-4", RecordState.ARCHIVING, 1]]));
    expect(group.partition.unfinishedDeadLetters(group.settings)).toEqual([
      { first: 0, last: 4, deliveryCount: 1, cause: "rejected" },
    ]);
  });
});
