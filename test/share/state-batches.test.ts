import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_BATCHES_PER_SHARE_STATE } from "#share/limits.ts";
import { combineStateBatches, NO_START_OFFSET, type StateBatch } from "#share/state-batches.ts";
import { snapshotRecord, updateRecord } from "#share/stored.ts";

/** Offset by offset what the batches say: the count and, among equal ones, the state. */
function byOffset(batches: readonly StateBatch[], startOffset: number): Map<number, number> {
  const ranks = new Map<number, number>();
  for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of batches) {
    for (let offset = Math.max(firstOffset, startOffset); offset <= lastOffset; offset++) {
      ranks.set(offset, Math.max(ranks.get(offset) ?? -1, deliveryCount * 8 + deliveryState));
    }
  }
  return ranks;
}

/** The same batches, and how often somebody has looked at one of their fields. */
function counted(batches: readonly StateBatch[]) {
  let reads = 0;
  const get = (batch: StateBatch, name: string | symbol): unknown => {
    reads++;
    return Reflect.get(batch, name);
  };
  const looked = batches.map((batch) => new Proxy(batch, { get }));
  return { batches: looked, reads: () => reads };
}

describe("state batches", () => {
  it("say offset by offset what was stored and what is new, in order and as few as can be", () => {
    const batch = fc
      .tuple(fc.nat(40), fc.nat(8), fc.nat(2), fc.nat(2))
      .map(([firstOffset, more, deliveryState, deliveryCount]) => {
        return { firstOffset, lastOffset: firstOffset + more, deliveryState, deliveryCount };
      });
    const start = fc.oneof(fc.constant(NO_START_OFFSET), fc.nat(45));
    const lists = [fc.array(batch, { maxLength: 8 }), fc.array(batch, { maxLength: 4 })] as const;
    const property = fc.property(...lists, start, (stored, added, startOffset) => {
      const soFar = combineStateBatches([], stored, NO_START_OFFSET);
      const combined = combineStateBatches(soFar, added, startOffset);
      expect(byOffset(combined, NO_START_OFFSET)).toEqual(byOffset([...stored, ...added], startOffset));
      for (const [at, one] of combined.slice(1).entries()) {
        const before = combined[at];
        expect(one.firstOffset).toBeGreaterThan(before.lastOffset);
        const isSame = before.deliveryState === one.deliveryState && before.deliveryCount === one.deliveryCount;
        expect(isSame && before.lastOffset + 1 === one.firstOffset).toBe(false);
      }
    });
    fc.assert(property, { numRuns: 2_000, seed: 7 });
  });

  it("of which all overlap, each with another count, are combined", () => {
    const count = 4_000;
    const nested = Array.from({ length: count }, (_, at) => ({
      firstOffset: at,
      lastOffset: 3 * count - at,
      deliveryState: 0,
      deliveryCount: at,
    }));
    expect(combineStateBatches([], nested, 0)).toHaveLength(2 * count - 1);
  });

  it("of each record of many are changed one after the other without looking at all of them", () => {
    const count = 4_000;
    let batches: StateBatch[] = Array.from({ length: count }, (_, offset) => ({
      firstOffset: offset,
      lastOffset: offset,
      deliveryState: offset % 2 === 0 ? 0 : 2,
      deliveryCount: 1,
    }));
    for (let offset = 0; offset < 1_200; offset += 2) {
      const done = { firstOffset: offset, lastOffset: offset, deliveryState: 2, deliveryCount: 1 };
      const soFar = counted(batches);
      const combined = combineStateBatches(soFar.batches, [done], 0);
      expect(soFar.reads()).toBeLessThan(100);
      batches = combined.map(({ firstOffset, lastOffset, deliveryState, deliveryCount }) => {
        return { firstOffset, lastOffset, deliveryState, deliveryCount };
      });
    }
    expect(batches).toHaveLength(2_801);
    expect(batches[0]).toMatchObject({ firstOffset: 0, lastOffset: 1_199 });
  });

  it("fit into one record, as many as there may be", () => {
    const key = { groupId: "g".repeat(32_767), topicId: "AAAAAAAAAAAAAAAAAAAAAA", partitionIndex: 0 };
    const stateBatches = Array.from({ length: MAX_BATCHES_PER_SHARE_STATE }, (_, at) => ({
      firstOffset: 2 ** 52 + at,
      lastOffset: 2 ** 52 + at,
      deliveryState: at % 2,
      deliveryCount: 32_767,
    }));
    const update = { snapshotEpoch: 1, leaderEpoch: 1, startOffset: 0, deliveryCompleteCount: 0, stateBatches };
    const times = { stateEpoch: 1, createTimestamp: 1, writeTimestamp: 1 };
    for (const record of [updateRecord(key, update), snapshotRecord(key, { ...update, ...times })]) {
      expect(record.key.length + (record.value?.length ?? 0)).toBeLessThan(1_000_000);
    }
  });
});
