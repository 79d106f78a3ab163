import { describe, expect, it } from "vitest";
import { S3ObjectStore } from "#worker/storage/s3-object-store.ts";
import { s3SettingsOf } from "#worker/storage/s3-settings.ts";
import { objectStoreCases } from "./object-store-cases.ts";

/**
 * The same against a real store, where KEDGE_S3_ENDPOINT and its like name one (vitest.config.ts leaves this out otherwise): a run by hand. It
 * writes to and deletes from the bucket below `kedge-test-…/` only.
 */
const settings = s3SettingsOf(process.env);
if (settings === null) throw new Error("KEDGE_S3_ENDPOINT names no store");

describe("objects in a real S3 store", () => {
  const store = new S3ObjectStore(settings, { fetch });
  const folder = `kedge-test-${Date.now()}`;

  for (const { name, run } of objectStoreCases) it(name, () => run(store, folder));

  it("lists more than a page, and is empty afterwards", { timeout: 300_000 }, async () => {
    async function* one(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
    }
    const keys = Array.from({ length: 1_100 }, (_, i) => `${folder}/page/${i}`);
    for (const key of keys) expect(await store.put(key, one())).toEqual({ kind: "stored" });
    const listed = await store.list(`${folder}/`);
    if (listed.kind !== "listed") throw new Error(listed.reason);
    expect(listed.keys.filter((key) => key.startsWith(`${folder}/page/`))).toHaveLength(keys.length);
    expect(await store.delete(listed.keys)).toEqual({ kind: "deleted" });
    expect(await store.list(`${folder}/`)).toEqual({ kind: "listed", keys: [] });
  });

  it("refuses a stranger", async () => {
    const stranger = new S3ObjectStore({ ...settings, secretAccessKey: "wrong" }, { fetch });
    expect(await stranger.getRange("any", 0, 1)).toMatchObject({ kind: "unavailable" });
    expect((await stranger.bucketFailure())?.reason).toContain("403");
  });

  it("knows a bucket that isn't there from an object that isn't", async () => {
    const elsewhere = new S3ObjectStore({ ...settings, bucket: "kedge-no-such-bucket" }, { fetch });
    expect(await elsewhere.getRange("any", 0, 1)).toMatchObject({ kind: "unavailable" });
    expect(await store.getRange("any", 0, 1)).toEqual({ kind: "missing" });
  });
});
