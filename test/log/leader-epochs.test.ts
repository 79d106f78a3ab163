import { describe, expect, it } from "vitest";
import { LeaderEpochs } from "#log/leader-epochs.ts";
import { MAX_LEADER_EPOCHS } from "#log/limits.ts";

/** Epoch and start offset of each entry. */
function epochs(...entries: readonly [number, number][]): LeaderEpochs {
  const all = new LeaderEpochs();
  for (const [epoch, startOffset] of entries) all.assign(epoch, startOffset);
  return all;
}

function list(all: LeaderEpochs): [number, number][] {
  return all.all.map(({ epoch, startOffset }) => [epoch, startOffset]);
}

describe("leader epochs", () => {
  it("answers where an epoch ended as Kafka's cache does", () => {
    const all = epochs([2, 5], [4, 10], [7, 30]);
    const end = (epoch: number) => {
      const { leaderEpoch, endOffset } = all.endOffsetFor(epoch, 99);
      return [leaderEpoch, endOffset];
    };
    expect(end(-1)).toEqual([-1, -1]);
    expect(end(0)).toEqual([0, 5]);
    expect(end(2)).toEqual([2, 10]);
    expect(end(3)).toEqual([2, 10]);
    expect(end(6)).toEqual([4, 30]);
    expect(end(7)).toEqual([7, 99]);
    expect(end(8)).toEqual([-1, -1]);
    expect(epochs().endOffsetFor(0, 0)).toEqual({ leaderEpoch: -1, endOffset: -1 });
  });

  it("keeps the first start of an epoch", () => {
    expect(list(epochs([1, 0], [1, 5], [2, 9], [2, 12]))).toEqual([
      [1, 0],
      [2, 9],
    ]);
  });

  it("drops entries that a new one contradicts", () => {
    expect(list(epochs([1, 0], [2, 9], [3, 9]))).toEqual([
      [1, 0],
      [3, 9],
    ]);
    expect(list(epochs([1, 0], [4, 9], [2, 12]))).toEqual([
      [1, 0],
      [2, 12],
    ]);
    expect(list(epochs([1, 4], [2, 9], [3, 2]))).toEqual([[3, 2]]);
  });

  it("forgets what lies before the log start, but not who wrote its first record", () => {
    const truncated = (offset: number) => {
      const all = epochs([1, 0], [2, 10], [3, 20]);
      all.truncateFromStart(offset);
      return list(all);
    };
    expect(truncated(0)).toEqual([
      [1, 0],
      [2, 10],
      [3, 20],
    ]);
    expect(truncated(5)).toEqual([
      [1, 5],
      [2, 10],
      [3, 20],
    ]);
    expect(truncated(10)).toEqual([
      [2, 10],
      [3, 20],
    ]);
    expect(truncated(50)).toEqual([[3, 50]]);
  });

  it("names the epoch that wrote an offset", () => {
    const all = epochs([1, 3], [2, 10]);
    expect([0, 3, 9, 10, 99].map((offset) => all.epochForOffset(offset))).toEqual([-1, 1, 1, 2, 2]);
  });

  it("is bounded", () => {
    const all = new LeaderEpochs();
    for (let epoch = 0; epoch < MAX_LEADER_EPOCHS + 10; epoch++) all.assign(epoch, epoch);
    expect([all.all.length, all.all[0].epoch, all.latest]).toEqual([MAX_LEADER_EPOCHS, 10, MAX_LEADER_EPOCHS + 9]);
  });
});
