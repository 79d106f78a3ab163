import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSegmentsPlace, s3LocationOf } from "#cli/segments-place.ts";

const KEYS = { KEDGE_S3_ACCESS_KEY_ID: "a", KEDGE_S3_SECRET_ACCESS_KEY: "s" };
const HERE = { endpoint: "http://here", bucket: "kedge" };
const THERE = { endpoint: "http://there", bucket: "kedge" };

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "kedge-place-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe("where segments go", () => {
  it("is the folder unless the command line or the environment names a store", () => {
    expect(s3LocationOf(undefined, {})).toBeUndefined();
    expect(s3LocationOf(HERE, KEYS)).toEqual(HERE);
    const env = { ...KEYS, KEDGE_S3_ENDPOINT: "http://there", KEDGE_S3_BUCKET: "kedge" };
    expect(s3LocationOf(undefined, env)).toEqual(THERE);
    expect(s3LocationOf(HERE, env)).toEqual(HERE);
  });

  it("must be named wholly, keys included", () => {
    expect(() => s3LocationOf(undefined, { ...KEYS, KEDGE_S3_ENDPOINT: "http://there" })).toThrow("KEDGE_S3_BUCKET");
    expect(() => s3LocationOf(HERE, { KEDGE_S3_ACCESS_KEY_ID: "a" })).toThrow("KEDGE_S3_SECRET_ACCESS_KEY");
  });

  it.each(["foo", "here:9000", "s3://here", "http://key:secret@here", "http://here/?x=1", "http://here/#x"])(
    "must be an address, not %j",
    (endpoint) => {
      const env = { ...KEYS, KEDGE_S3_ENDPOINT: endpoint, KEDGE_S3_BUCKET: "kedge" };
      expect(() => s3LocationOf(undefined, env)).toThrow("KEDGE_S3_ENDPOINT takes an address");
    },
  );

  it("stays the same for the data of a directory", () => {
    expect(openSegmentsPlace(dataDir, HERE)).toBe(join(dataDir, "segments"));
    expect(openSegmentsPlace(dataDir, { ...HERE, endpoint: "http://here/" })).toBe(join(dataDir, "segments"));
    expect(() => openSegmentsPlace(dataDir, THERE)).toThrow("--s3 http://here/kedge");
    expect(() => openSegmentsPlace(dataDir, undefined)).toThrow("--s3 http://here/kedge");
  });

  it("can be set right when the store that was named never got anything", () => {
    const mark = join(dataDir, "segments-in-s3");
    openSegmentsPlace(dataDir, THERE);
    expect(() => openSegmentsPlace(dataDir, HERE)).toThrow(`if nothing was ever copied there, remove ${mark}`);
    expect(existsSync(mark)).toBe(true);
    rmSync(mark);
    expect(openSegmentsPlace(dataDir, HERE)).toBe(join(dataDir, "segments"));
  });

  it("may become a store as long as the folder is empty", () => {
    const folder = openSegmentsPlace(dataDir, undefined);
    mkdirSync(join(folder, "segments", "topic"), { recursive: true });
    openSegmentsPlace(dataDir, HERE);
    expect(() => openSegmentsPlace(dataDir, undefined)).toThrow("--s3");
  });

  it("loses what a copy left that was interrupted, and nothing else", () => {
    const folder = join(openSegmentsPlace(dataDir, undefined), "segments", "topic", "0");
    mkdirSync(folder, { recursive: true });
    const kept = ["000-a", "000-tmp", ".000-a.tmp", "000-a.27412.0.tmp"];
    for (const name of [...kept, ".000-b.27412.0.tmp", ".000-c.1.12.tmp"]) writeFileSync(join(folder, name), "x");
    openSegmentsPlace(dataDir, undefined);
    expect(readdirSync(folder).sort()).toEqual([...kept].sort());
  });

  it("may not become one where the folder holds segments", () => {
    const folder = openSegmentsPlace(dataDir, undefined);
    mkdirSync(join(folder, "segments", "topic"), { recursive: true });
    writeFileSync(join(folder, "segments", "topic", "0"), "");
    expect(() => openSegmentsPlace(dataDir, HERE)).toThrow("without S3");
    expect(openSegmentsPlace(dataDir, undefined)).toBe(folder);
  });
});
