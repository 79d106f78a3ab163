import { expect } from "vitest";
import { emptyCommit, type LogStore, type SegmentRecord } from "#ports/log-store.ts";
import { NOW_MS } from "../log/setup.ts";

/** What any log store makes of rewritten rows and of the manifest. `open` gives a new store over what has been committed so far. */
export const segmentCases: { name: string; run(open: () => LogStore): Promise<void> }[] = [
  {
    name: "puts fewer rows into the place of some",
    async run(open) {
      const store = open();
      const row = (sequence: number) => ({
        partitionNumber: 3,
        sequence,
        baseOffset: sequence * 10,
        nextOffset: sequence * 10 + 10,
        maxTimestamp: sequence,
        runningMaxTimestamp: sequence,
        index: new Uint8Array(48),
        bytes: new Uint8Array([sequence]),
      });
      await store.commit({ ...emptyCommit(), rows: [0, 1, 2, 3, 4, 5].map(row) });
      const bytes = new Uint8Array([99, 99]);
      const rows = [{ ...row(1), bytes }];
      await store.commit({
        ...emptyCommit(),
        rewrites: [{ partitionNumber: 3, fromSequence: 1, endSequence: 4, rows }],
      });
      const read = open().rows(3, 0, { maxRows: 9, maxBytes: 99 });
      expect(read.map(({ sequence, bytes: [first] }) => [sequence, first])).toEqual([
        [0, 0],
        [1, 99],
        [4, 4],
        [5, 5],
      ]);
      expect([store.head(3, 2)?.sequence, store.head(3, 4)?.sequence]).toEqual([4, 4]);
    },
  },
  {
    name: "keeps a manifest of segments, and the keys that nobody refers to",
    async run(open) {
      const store = open();
      const segment = (partitionNumber: number, number: number): SegmentRecord => ({
        partitionNumber,
        number,
        baseOffset: number * 10,
        endOffset: number * 10 + 10,
        sizeInBytes: 1000 + number,
        firstTimestamp: -1,
        maxTimestamp: NOW_MS,
        sealedAtMs: NOW_MS + 1,
        fromSequence: number,
        endSequence: number + 1,
        object: null,
        hasAborted: number === 1,
      });
      const state = { snapshot: new Uint8Array([1, 2]), aborted: new Uint8Array([3]) };
      const sealed = [segment(9, 0), segment(9, 1), segment(9, 12), segment(10, 0), segment(65_535, 2 ** 37 - 1)];
      await store.commit({
        ...emptyCommit(),
        newSegments: sealed.map((one) => ({ ...one, state })),
        garbage: ["a", "b"],
      });
      expect(open().segments(9)).toEqual(sealed.slice(0, 3));
      expect(open().segments(65_535)).toEqual(sealed.slice(4));
      expect([open().segments(8), open().garbage(9), open().garbage(1)]).toEqual([[], ["a", "b"], ["a"]]);
      const object = { key: "a", batchBytes: 990, offsetIndexBytes: 8, timeIndexBytes: 12 };
      const tiered = { ...segment(9, 0), object, endSequence: 0 };
      const smaller = { ...segment(9, 1), sizeInBytes: 7 };
      await store.commit({ ...emptyCommit(), changedSegments: [tiered, smaller], notGarbage: ["a"] });
      expect(open().segments(9)).toEqual([tiered, smaller, sealed[2]]);
      expect(open().garbage(9)).toEqual(["b"]);
      expect(open().segmentState(9, 0)).toEqual({ ...state, snapshot: new Uint8Array(0) });
      expect(open().segmentState(9, 1)).toEqual(state);
      const forgotten = { ...segment(9, 1), hasAborted: false };
      await store.commit({ ...emptyCommit(), changedSegments: [{ ...forgotten, aborted: new Uint8Array(0) }] });
      expect(open().segments(9)[1]).toEqual(forgotten);
      expect(open().segmentState(9, 1)).toEqual({ ...state, aborted: new Uint8Array(0) });
      expect(() => open().segmentState(9, 5)).toThrow();
      await store.commit({
        ...emptyCommit(),
        removedSegments: [{ partitionNumber: 9, number: 12 }],
        garbage: ["c", "b"],
      });
      await store.commit({ ...emptyCommit(), removedPartitions: [9] });
      expect([open().segments(9), open().segments(10)]).toEqual([[], [sealed[3]]]);
      expect(open().garbage(9).sort()).toEqual(["a", "b", "c"]);
    },
  },
];
