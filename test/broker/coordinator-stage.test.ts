import { describe, expect, it } from "vitest";
import { CoordinatorPartition } from "#broker/coordinator/partition.ts";
import type { CoordinatorMachine, Decision } from "#coordinator/machine.ts";
import type { CoordinatorEnvironment } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ManualTime, settle } from "../doubles/manual-time.ts";

const RECORD = { key: new Uint8Array([1]), value: new Uint8Array([2]) };

/** A coordinator whose log takes what it is given, until it leads the partition no longer. */
function open() {
  const time = new ManualTime(0);
  const state = { endOffset: 0, isLeader: true, commit: Promise.withResolvers<void>() };
  const append = async (recordCount: number): Promise<ErrorCode> => {
    if (!state.isLeader) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    state.endOffset += recordCount;
    await state.commit.promise;
    return ErrorCode.NONE;
  };
  const log = {
    append: (_: number, records: readonly unknown[]) => append(records.length),
    appendMarker: () => append(1),
    endOffset: () => (state.isLeader ? state.endOffset : null),
  };
  const machine = { nextTimer: () => null, release: () => {}, liveRecordCount: 0, canBeRewritten: false };
  const partition = new CoordinatorPartition(
    { log, clock: time, timers: time } as unknown as CoordinatorEnvironment,
    machine as unknown as CoordinatorMachine,
    { partitionIndex: 0, leadership: { topicId: "t", leaderEpoch: 0 } },
    () => {},
  );
  const decide = (recordCount: number) => (): Decision<string> => ({
    response: "yes",
    replies: [],
    records: Array.from({ length: recordCount }, () => RECORD),
    timers: [],
  });
  return { partition, state, decide };
}

describe("a decision that isn't waited for", () => {
  it("is answered when the log has taken its records, before they are committed", () => {
    const { partition, state, decide } = open();
    expect(partition.stage(decide(2))).toBe("yes");
    expect(state.endOffset).toBe(2);
    expect(partition.stage(decide(0))).toBe("yes");
  });

  it("is not answered when the log refuses its records, nor is any after it, of a coordinator that is thrown away", async () => {
    const { partition, state, decide } = open();
    state.isLeader = false;
    expect(partition.stage(decide(1))).toBeUndefined();
    // The state is ahead of the log: what it says now is not true.
    expect(partition.stage(decide(0))).toBeUndefined();
    expect(await partition.run(decide(0), () => "no")).toBe("no");
    await settle();
    expect(partition.hasFailed).toBe(true);
    expect(partition.stage(decide(0))).toBeUndefined();
  });

  it("is not answered behind one that was refused and that others wait for", async () => {
    const { partition, state, decide } = open();
    state.isLeader = false;
    const waiting = partition.run(decide(1), () => "no");
    state.isLeader = true;
    expect(partition.stage(decide(1))).toBeUndefined();
    state.commit.resolve();
    expect(await waiting).toBe("no");
  });
});
