import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyHash } from "#log/compaction/key-hash.ts";
import { OffsetMap } from "#log/compaction/offset-map.ts";

const SLOT_BYTES = 24;
const newMap = (maxBytes?: number) => new OffsetMap(new KeyHash(new Uint8Array(16)), maxBytes);
const encoder = new TextEncoder();

function put(map: OffsetMap, key: string, offset: number): boolean {
  const bytes = encoder.encode(key);
  return map.put(bytes, 0, bytes.length, offset);
}

function get(map: OffsetMap, key: string): number {
  const bytes = encoder.encode(key);
  return map.get(bytes, 0, bytes.length);
}

describe("the map from keys to offsets", () => {
  it("answers like a Map", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.nat())), (entries) => {
        const map = newMap();
        const model = new Map(entries);
        for (const [key, offset] of entries) expect(put(map, key, offset)).toBe(true);
        expect(map.size).toBe(model.size);
        for (const [key, offset] of model) expect(get(map, key)).toBe(offset);
        expect(get(map, "a key that nobody put")).toBe(-1);
      }),
    );
  });

  it("keeps everything while it grows", () => {
    const map = newMap();
    for (let i = 0; i < 20_000; i++) put(map, `key ${i}`, i);
    expect(map.size).toBe(20_000);
    for (let i = 0; i < 20_000; i++) expect(get(map, `key ${i}`)).toBe(i);
  });

  it("holds as many keys as its memory allows, and refuses only new ones then", () => {
    const map = newMap(64 * SLOT_BYTES);
    let count = 0;
    while (put(map, `key ${count}`, count)) count += 1;
    expect(count).toBe(Math.floor(64 * 0.8));
    expect(map.isFull).toBe(true);
    expect(put(map, "key 0", 1000)).toBe(true);
    expect(get(map, "key 0")).toBe(1000);
    expect(get(map, `key ${count}`)).toBe(-1);
  });

  it("takes the empty key for a key", () => {
    const map = newMap();
    put(map, "", 7);
    expect(get(map, "")).toBe(7);
  });

  it("knows up to where it knows all keys, and never less than before", () => {
    const map = newMap();
    expect(map.latestOffset).toBe(-1);
    map.reaches(9);
    map.reaches(3);
    expect(map.latestOffset).toBe(9);
  });
});
