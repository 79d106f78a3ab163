import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { DiskObjectStore } from "#worker/storage/disk-object-store.ts";
import { objectStoreCases } from "./object-store-cases.ts";

function folderStore(): DiskObjectStore {
  if (env.SEGMENTS_FOLDER === undefined) throw new Error("vitest.config.ts binds no folder");
  return new DiskObjectStore(env.SEGMENTS_FOLDER);
}

describe("objects in a folder", () => {
  for (const [i, { name, run }] of objectStoreCases.entries()) it(name, () => run(folderStore(), `case-${i}`));

  it("waits with what it replaces until the kernel has written it", () => {
    expect(folderStore().settleMs).toBeGreaterThan(60_000);
  });
});
