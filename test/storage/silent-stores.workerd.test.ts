/** Stores that are asked and never answer: what waits for them goes on at the limit, with the failure that is tried again. */
import { describe, expect, it } from "vitest";
import type { ObjectStore } from "#ports/object-store.ts";
import { DiskObjectStore } from "#worker/storage/disk-object-store.ts";
import { R2ObjectStore } from "#worker/storage/r2-object-store.ts";

const MIB = 1 << 20;
const LIMIT_MS = 20;
/** Far from the limit of a single one, however busy the machine is. */
const PAUSE_MS = 20;
const MANY = 25;

const silent = (): Promise<never> => new Promise(() => {});

function r2(bucket: object): R2ObjectStore {
  const limits = { silenceMs: LIMIT_MS, sendSilenceMs: LIMIT_MS };
  return new R2ObjectStore(bucket as unknown as R2Bucket, limits);
}

function disk(fetch: (url: string, init?: RequestInit) => Promise<Response>, limitMs = LIMIT_MS): DiskObjectStore {
  return new DiskObjectStore({ fetch } as unknown as Fetcher, 0, limitMs);
}

const upload = { uploadPart: silent, abort: silent, complete: silent };
const SILENT_BUCKET = { put: silent, get: silent, delete: silent, list: silent, createMultipartUpload: silent };

const STORES: readonly [string, () => ObjectStore][] = [
  ["a folder", () => disk(silent)],
  ["R2", () => r2(SILENT_BUCKET)],
  ["R2 that only begins an upload", () => r2({ ...SILENT_BUCKET, createMultipartUpload: async () => upload })],
];

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(MIB);
}

describe("an object store that never answers", () => {
  it.each(STORES)("is out of reach: %s", async (_, open) => {
    const store = open();
    expect((await store.getRange("k", 0, 10)).kind).toBe("unavailable");
    expect((await store.put("k", chunks(17))).kind).toBe("unavailable");
  });

  it.each(STORES.slice(0, 2))("deletes and lists nothing: %s", async (_, open) => {
    const store = open();
    expect((await store.put("k", chunks(1))).kind).toBe("unavailable");
    expect((await store.delete(["k"])).kind).toBe("unavailable");
    expect((await store.list("")).kind).toBe("unavailable");
  });

  it("is out of reach also when it begins to answer", async () => {
    const begun = async () => new Response(new ReadableStream<Uint8Array>(), { status: 206 });
    expect((await disk(begun).getRange("k", 0, 10)).kind).toBe("unavailable");
  });

  it("isn't one that takes longer for many things than it may for one", async () => {
    const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const slow = async (_: string, init?: RequestInit) => {
      await pause();
      const body = (init?.body ?? null) as ReadableStream<Uint8Array> | null;
      let takenBytes = 0;
      for await (const { length } of body ?? []) {
        takenBytes += length;
        if (takenBytes % MIB === 0) await pause();
      }
      return new Response(null, { status: 204 });
    };
    const store = disk(slow, MANY * PAUSE_MS);
    const keys = Array.from({ length: MANY + 1 }, (_, i) => `k${i}`);
    expect(await store.delete(keys)).toEqual({ kind: "deleted" });
    expect(await store.put("k", chunks(MANY + 1))).toEqual({ kind: "stored" });
  });
});
