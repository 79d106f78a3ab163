import { describe, expect, it } from "vitest";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ShareCoordinator } from "#share/coordinator.ts";
import { RecordState } from "#share/record-state.ts";
import { parseShareKey, shareKeyText } from "#share/share-key.ts";
import { StateBudget } from "#share/state-budget.ts";
import { readShareRecord } from "#share/stored.ts";

const TOPIC = "abcdefghijklmnopqrstuA";
const KEY = { groupId: "g", topicId: TOPIC, partitionIndex: 0 };
const { AVAILABLE, ACKNOWLEDGED, ARCHIVED } = RecordState;

class World {
  topics = new Set([TOPIC]);
  readonly log: CoordinatorRecord[] = [];
  readonly budget: StateBudget;
  machine: ShareCoordinator;

  constructor(updatesPerSnapshot = 3, maxBatches = 1_000) {
    this.budget = new StateBudget(maxBatches);
    this.machine = this.fresh(updatesPerSnapshot);
  }

  fresh(updatesPerSnapshot = 3): ShareCoordinator {
    const hasPartition = (topicId: string, partitionIndex: number) => this.topics.has(topicId) && partitionIndex < 2;
    return new ShareCoordinator({ hasPartition }, { updatesPerSnapshot }, this.budget);
  }

  take<R>({ response, records }: { readonly response: R; readonly records: readonly CoordinatorRecord[] }): R {
    this.log.push(...records);
    return response;
  }

  initialize(stateEpoch = 1, startOffset = -1, key = KEY) {
    return this.take(this.machine.initialize(key, { stateEpoch, startOffset }, 1_000));
  }

  write(batches: [number, number, number, number][], extra: object = {}, key = KEY) {
    const stateBatches = batches.map(([firstOffset, lastOffset, deliveryState, deliveryCount]) => ({
      firstOffset,
      lastOffset,
      deliveryState,
      deliveryCount,
    }));
    const write = { stateEpoch: 1, leaderEpoch: 0, startOffset: 0, deliveryCompleteCount: 0, stateBatches, ...extra };
    return this.take(this.machine.write(key, write, 2_000));
  }

  read(leaderEpoch = 0, key = KEY) {
    const { errorCode, startOffset, stateBatches } = this.take(this.machine.read(key, leaderEpoch));
    const batches = stateBatches.map((b) => `${b.firstOffset}-${b.lastOffset}:${b.deliveryState}x${b.deliveryCount}`);
    return errorCode === ErrorCode.NONE ? `${startOffset} ${batches.join(" ")}`.trim() : errorCode;
  }

  kinds() {
    return this.log.map((record) => {
      const change = readShareRecord(record);
      return change.kind === "snapshot" && change.snapshot === null ? "tombstone" : change.kind;
    });
  }

  /** Another coordinator that knows only the log. */
  replayed(): ShareCoordinator {
    const machine = this.fresh();
    for (const record of this.log) machine.replay(record);
    return machine;
  }
}

describe("share state", () => {
  it("isn't there before it is initialised", () => {
    const world = new World();
    expect(world.read()).toBe(ErrorCode.INVALID_REQUEST);
    expect(world.write([[0, 1, ACKNOWLEDGED, 1]])).toBe(ErrorCode.INVALID_REQUEST);
    expect(world.machine.summary(KEY)).toMatchObject({ errorCode: 0, startOffset: -1, deliveryCompleteCount: -1 });
    expect(world.initialize()).toBe(ErrorCode.NONE);
    expect(world.read()).toBe("-1");
  });

  it("puts writes together", () => {
    const world = new World();
    world.initialize();
    world.write(
      [
        [0, 4, ACKNOWLEDGED, 1],
        [5, 9, AVAILABLE, 1],
      ],
      { deliveryCompleteCount: 5 },
    );
    world.write(
      [
        [5, 6, ACKNOWLEDGED, 2],
        [7, 7, ARCHIVED, 1],
      ],
      { startOffset: 5, deliveryCompleteCount: 3 },
    );
    expect(world.read()).toBe("5 5-6:2x2 7-7:4x1 8-9:0x1");
    expect(world.machine.summary(KEY)).toMatchObject({ startOffset: 5, deliveryCompleteCount: 3 });
  });

  it("doesn't go back when an older write comes late", () => {
    const world = new World();
    world.initialize();
    world.write([[0, 9, ACKNOWLEDGED, 1]], { startOffset: 10, deliveryCompleteCount: 0 });
    world.write([[3, 4, AVAILABLE, 1]], { startOffset: 2, deliveryCompleteCount: 7 });
    expect(world.read()).toBe("10");
    expect(world.machine.summary(KEY)).toMatchObject({ startOffset: 10, deliveryCompleteCount: 0 });
  });

  it("fences old leaders and old state", () => {
    const world = new World();
    world.initialize(3);
    expect(world.read(5)).toBe("-1");
    expect(world.read(4)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(world.write([], { stateEpoch: 3, leaderEpoch: 4 })).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(world.write([], { stateEpoch: 2, leaderEpoch: 5 })).toBe(ErrorCode.FENCED_STATE_EPOCH);
    expect(world.initialize(2)).toBe(ErrorCode.FENCED_STATE_EPOCH);
    expect(world.initialize(4, 17)).toBe(ErrorCode.NONE);
    expect(world.read(5)).toBe("17");
  });

  it("refuses what makes no sense, and partitions that the cluster doesn't have", () => {
    const world = new World();
    world.initialize();
    const refused = (batch: [number, number, number, number]) => world.write([batch]) === ErrorCode.INVALID_REQUEST;
    expect(refused([5, 4, 0, 1])).toBe(true);
    expect(refused([-1, 4, 0, 1])).toBe(true);
    expect(refused([0, Number.MAX_SAFE_INTEGER, 0, 1])).toBe(true);
    expect(refused([0, 4, 7, 1])).toBe(true);
    expect(refused([0, 4, 0, -1])).toBe(true);
    expect(world.initialize(-1)).toBe(ErrorCode.INVALID_REQUEST);
    expect(world.initialize(1, -1, { ...KEY, partitionIndex: 7 })).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(world.initialize(1, -1, { ...KEY, partitionIndex: -1 })).toBe(ErrorCode.INVALID_REQUEST);
    expect(world.read(-1)).toBe(ErrorCode.INVALID_REQUEST);
  });

  it("is deleted, also with its topic", () => {
    const world = new World();
    world.initialize();
    expect(world.take(world.machine.delete(KEY))).toBe(ErrorCode.NONE);
    expect(world.take(world.machine.delete(KEY))).toBe(ErrorCode.NONE);
    expect(world.kinds()).toEqual(["snapshot", "tombstone"]);
    world.initialize();
    world.topics.clear();
    world.take(world.machine.forgetDeletedTopics());
    expect(world.machine.allStates.size).toBe(0);
    expect(world.replayed().allStates.size).toBe(0);
  });

  it("is written as updates, with a snapshot after so many", () => {
    const world = new World(3);
    world.initialize();
    for (let at = 0; at < 5; at++) world.write([[at, at, ACKNOWLEDGED, 1]]);
    expect(world.kinds()).toEqual(["snapshot", "update", "update", "update", "snapshot", "update"]);
    expect(world.read()).toBe("0 0-4:2x1");
  });

  it("is the same after a replay, and after its log was rewritten", () => {
    const world = new World(2);
    world.initialize(1, 0);
    world.initialize(1, 0, { ...KEY, partitionIndex: 1 });
    for (let at = 0; at < 7; at++) {
      world.write([[at * 2, at * 2, at % 2 === 0 ? ACKNOWLEDGED : AVAILABLE, 1]], { startOffset: at });
    }
    world.read(2);
    expect(world.replayed().allStates).toEqual(world.machine.allStates);
    const rewritten = [...world.machine.liveRecords()];
    expect(rewritten).toHaveLength(world.machine.liveRecordCount);
    world.log.splice(0, world.log.length, ...rewritten);
    world.write([[20, 21, ARCHIVED, 3]]);
    expect(world.replayed().allStates).toEqual(world.machine.allStates);
  });

  it("is bounded", () => {
    const world = new World(100, 10);
    world.initialize();
    const scattered = (from: number) =>
      Array.from({ length: 6 }, (_, at) => [from + 2 * at, from + 2 * at, 2, 1] as never);
    expect(world.write(scattered(0))).toBe(ErrorCode.NONE);
    expect(world.write(scattered(100))).toBe(ErrorCode.POLICY_VIOLATION);
    expect(world.budget.heldBatches).toBe(6);
    world.machine.release();
    expect(world.budget.heldBatches).toBe(0);
  });
});

describe("the key of a share partition", () => {
  it("is read as it is written; a group id may hold colons", () => {
    const key = { groupId: "a:b", topicId: TOPIC, partitionIndex: 12 };
    expect(shareKeyText(key)).toBe(`a:b:${TOPIC}:12`);
    expect(parseShareKey(shareKeyText(key))).toEqual(key);
  });

  it.each(["", "g", `g:${TOPIC}`, `:${TOPIC}:0`, "g:topic:0", `g:${TOPIC}:x`, `g:${TOPIC}:99999999999`])(
    "is none: %s",
    (text) => {
      expect(parseShareKey(text)).toBeNull();
    },
  );
});
