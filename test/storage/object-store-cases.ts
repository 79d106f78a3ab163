import { expect } from "vitest";
import type { ObjectStore } from "#ports/object-store.ts";

/** What every object store does. `name` is a folder of its own for the case. */
export interface ObjectStoreCase {
  readonly name: string;
  run(store: ObjectStore, folder: string): Promise<void>;
}

const MIB = 1 << 20;

/** Bytes that tell their place. */
function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 7 + (i >>> 16) * 13 + seed) & 0xff;
  return bytes;
}

async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function expectRange(store: ObjectStore, key: string, whole: Uint8Array, from: number, length: number) {
  const range = await store.getRange(key, from, length);
  if (range.kind !== "found") throw new Error(`${key} at ${from}: ${range.kind}`);
  expect(range.bytes.length).toBe(length);
  expect(compare(range.bytes, whole.subarray(from, from + length))).toBe(true);
}

/** Faster than toEqual by far. */
function compare(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

export const objectStoreCases: readonly ObjectStoreCase[] = [
  {
    name: "gives ranges of what was put, of any size",
    async run(store, folder) {
      for (const size of [1, 1000, 5 * MIB + 3, 8 * MIB, 17 * MIB + 1]) {
        const whole = pattern(size, size);
        const key = `${folder}/sizes/${size}`;
        expect(await store.put(key, chunksOf(whole, 700_001))).toEqual({ kind: "stored" });
        await expectRange(store, key, whole, 0, size);
        await expectRange(store, key, whole, size - 1, 1);
        await expectRange(store, key, whole, Math.floor(size / 3), Math.floor(size / 2));
        await expectRange(store, key, whole, 0, 0);
        expect((await store.getRange(key, size - 1, 2)).kind).not.toBe("found");
      }
    },
  },
  {
    name: "knows nothing of an object whose chunks broke off",
    async run(store, folder) {
      class Broken extends Error {}
      async function* breaking(after: number): AsyncGenerator<Uint8Array> {
        yield pattern(after, 1);
        throw new Broken();
      }
      for (const after of [10, 9 * MIB, 20 * MIB]) {
        const key = `${folder}/broken/${after}`;
        await expect(store.put(key, breaking(after))).rejects.toThrow(Broken);
        expect((await store.getRange(key, 0, 1)).kind).toBe("missing");
      }
    },
  },
  {
    name: "replaces an object as a whole",
    async run(store, folder) {
      const key = `${folder}/replaced`;
      await store.put(key, chunksOf(pattern(100, 1), 10));
      await store.put(key, chunksOf(pattern(50, 2), 10));
      await expectRange(store, key, pattern(50, 2), 0, 50);
      expect((await store.getRange(key, 0, 51)).kind).not.toBe("found");
    },
  },
  {
    name: "deletes what is there and doesn't mind what isn't",
    async run(store, folder) {
      const keys = ["a/1", "a/2", "b/3"].map((name) => `${folder}/${name}`);
      for (const key of keys) await store.put(key, chunksOf(pattern(10, 1), 10));
      expect(await store.delete([keys[0], `${folder}/never`, keys[2]])).toEqual({ kind: "deleted" });
      expect((await store.getRange(keys[0], 0, 1)).kind).toBe("missing");
      expect((await store.getRange(keys[1], 0, 1)).kind).toBe("found");
      expect(await store.delete(keys)).toEqual({ kind: "deleted" });
    },
  },
  {
    name: "lists a folder",
    async run(store, folder) {
      const keys = ["list/a/1", "list/a/b/2", "list/3", "other/4"].map((name) => `${folder}/${name}`);
      for (const key of keys) await store.put(key, chunksOf(pattern(10, 1), 10));
      const listed = async (prefix: string) => {
        const outcome = await store.list(prefix);
        return outcome.kind === "listed" ? [...outcome.keys].sort() : outcome;
      };
      expect(await listed(`${folder}/list/`)).toEqual([keys[2], keys[0], keys[1]]);
      expect(await listed(`${folder}/list/a/b/`)).toEqual([keys[1]]);
      expect(await listed(`${folder}/nothing/`)).toEqual([]);
    },
  },
];
