import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_DELETED_KEYS } from "#ports/object-store.ts";
import { S3ObjectStore } from "#worker/storage/s3-object-store.ts";
import { type S3Env, s3SettingsOf } from "#worker/storage/s3-settings.ts";
import { type Fault, S3Server } from "../doubles/s3-server.ts";
import type { S3Credentials } from "../doubles/s3-signature.ts";
import { objectStoreCases } from "./object-store-cases.ts";

const MIB = 1 << 20;
const BUSY: Fault = { kind: "status", status: 503, code: "SlowDown" };

let server: S3Server;

async function startServer(credentials: Partial<S3Credentials> = {}): Promise<void> {
  server = new S3Server(credentials);
  await server.start();
}

beforeEach(() => startServer());
afterEach(() => server.stop());

interface Asked {
  readonly env?: S3Env;
  readonly timeoutMs?: number;
}

const pauses: number[] = [];

function storeAt({ env = {}, timeoutMs }: Asked = {}): S3ObjectStore {
  const { accessKeyId, secretAccessKey, sessionToken, region } = server.credentials;
  const settings = s3SettingsOf({
    KEDGE_S3_ENDPOINT: `${server.endpoint}/`,
    KEDGE_S3_BUCKET: server.bucket,
    KEDGE_S3_REGION: region,
    KEDGE_S3_ACCESS_KEY_ID: accessKeyId,
    KEDGE_S3_SECRET_ACCESS_KEY: secretAccessKey,
    KEDGE_S3_SESSION_TOKEN: sessionToken ?? "",
    ...env,
  });
  if (settings === null) throw new Error("S3 isn't set up");
  pauses.length = 0;
  const pause = async (ms: number) => void pauses.push(ms);
  return new S3ObjectStore(settings, { fetch, timeoutMs, sendTimeoutMs: timeoutMs, pause });
}

async function* bytesOf(length: number): AsyncGenerator<Uint8Array> {
  for (let left = length; left > 0; left -= MIB) yield new Uint8Array(Math.min(left, MIB)).fill(left / MIB);
}

describe("objects in an S3 store", () => {
  for (const { name, run } of objectStoreCases) it(name, () => run(storeAt(), "folder"));

  it("leaves no upload behind", async () => {
    for (const { run } of objectStoreCases) await run(storeAt(), "folder");
    expect(server.openUploads).toBe(0);
  });

  it("signs for temporary credentials and any region", async () => {
    await server.stop();
    await startServer({ sessionToken: "a+token/==", region: "auto" });
    expect(await storeAt().put("key", bytesOf(10))).toEqual({ kind: "stored" });
    expect(await storeAt({ env: { KEDGE_S3_SESSION_TOKEN: "another" } }).put("key", bytesOf(10))).toMatchObject({
      kind: "unavailable",
    });
  });

  it("deletes as many at once as it may be asked to", async () => {
    const keys = Array.from({ length: MAX_DELETED_KEYS }, (_, i) => `many/${i}`);
    for (const key of keys) server.objects.set(key, Buffer.alloc(1));
    expect(await storeAt().delete(keys)).toEqual({ kind: "deleted" });
    expect(server.objects.size).toBe(0);
  });
});

describe("an S3 store with faults", () => {
  it("is asked again when it is busy or the connection breaks, each time later", async () => {
    const store = storeAt();
    server.failNext("PUT key", BUSY);
    server.failNext("PUT key", { kind: "disconnect" });
    expect(await store.put("key", bytesOf(10))).toEqual({ kind: "stored" });
    expect(pauses).toHaveLength(2);
    expect(pauses[1]).toBeGreaterThan(pauses[0]);
    for (const status of [408, 429, 500, 502, 503, 504]) {
      server.failNext("GET key", { kind: "status", status, code: "Any" });
      expect((await store.getRange("key", 0, 10)).kind).toBe("found");
    }
  });

  it("is out of reach when it stays busy", async () => {
    const store = storeAt();
    for (let i = 0; i < 3; i++) server.failNext("PUT key", BUSY);
    const outcome = await store.put("key", bytesOf(10));
    expect(outcome).toMatchObject({ kind: "unavailable" });
    expect(outcome.kind === "unavailable" && outcome.reason).toContain("503 SlowDown");
    expect(server.seen).toHaveLength(3);
  });

  it("isn't asked again when it refuses", async () => {
    for (const status of [301, 400, 401, 403, 409, 412, 501]) {
      const before = server.seen.length;
      server.failNext("PUT key", { kind: "status", status, code: "Refused" });
      expect(await storeAt().put("key", bytesOf(10))).toMatchObject({ kind: "unavailable" });
      expect(server.seen.length - before).toBe(1);
      expect(pauses).toEqual([]);
    }
    const stranger = storeAt({ env: { KEDGE_S3_SECRET_ACCESS_KEY: "wrong" } });
    const outcome = await stranger.getRange("key", 0, 1);
    expect(outcome.kind === "unavailable" && outcome.reason).toContain("403 SignatureDoesNotMatch");
  });

  it("takes too long for one answer", async () => {
    const store = storeAt({ timeoutMs: 100 });
    server.failNext("GET key", { kind: "hang" });
    const outcome = await store.getRange("key", 0, 1);
    expect(outcome.kind === "unavailable" && outcome.reason).toContain("took too long");
    expect(server.seen).toHaveLength(1);
  });

  it("breaks off in the middle of a body: asked again, and never half of it is given", async () => {
    const store = storeAt();
    server.objects.set("key", Buffer.alloc(MIB, 7));
    server.failNext("GET key", { kind: "truncate" });
    const range = await store.getRange("key", 0, MIB);
    expect(range.kind === "found" && range.bytes.length).toBe(MIB);
    for (let i = 0; i < 3; i++) server.failNext("GET key", { kind: "truncate" });
    expect((await store.getRange("key", 0, MIB)).kind).toBe("unavailable");
  });

  it("has lost an object, or has no such bucket: only the first is missing data", async () => {
    expect(await storeAt().getRange("key", 0, 1)).toEqual({ kind: "missing" });
    const elsewhere = storeAt({ env: { KEDGE_S3_BUCKET: "no-such-bucket" } });
    expect((await elsewhere.getRange("key", 0, 1)).kind).toBe("unavailable");
    expect((await elsewhere.delete(["key"])).kind).toBe("unavailable");
    expect((await elsewhere.list("")).kind).toBe("unavailable");
    expect((await elsewhere.bucketFailure())?.reason).toContain("404");
    expect(await storeAt().bucketFailure()).toBeNull();
  });

  it("can't be reached at all", async () => {
    const store = storeAt();
    await server.stop();
    expect((await store.put("key", bytesOf(1))).kind).toBe("unavailable");
    expect((await store.put("key", bytesOf(9 * MIB))).kind).toBe("unavailable");
    expect((await store.getRange("key", 0, 1)).kind).toBe("unavailable");
    expect((await store.delete(["key"])).kind).toBe("unavailable");
    expect((await store.list("")).kind).toBe("unavailable");
  });
});

describe("a large object on its way into an S3 store", () => {
  const SIZE = 17 * MIB;

  it("is given up with its parts when one of them is refused", async () => {
    server.failNext("partNumber=2", { kind: "status", status: 403, code: "AccessDenied" });
    expect((await storeAt().put("key", bytesOf(SIZE))).kind).toBe("unavailable");
    expect(server.openUploads).toBe(0);
    expect(server.objects.size).toBe(0);
  });

  it("sends a part again that was lost", async () => {
    server.failNext("partNumber=2", { kind: "forget" });
    server.failNext("partNumber=3", BUSY);
    expect(await storeAt().put("key", bytesOf(SIZE))).toEqual({ kind: "stored" });
    expect(server.objects.get("key")?.length).toBe(SIZE);
  });

  it("is there when the last answer was lost", async () => {
    server.failNext("POST key?uploadId", { kind: "forget" });
    expect(await storeAt().put("key", bytesOf(SIZE))).toEqual({ kind: "stored" });
    server.failNext("POST key?uploadId", { kind: "late-error" });
    expect(await storeAt().put("key", bytesOf(SIZE))).toEqual({ kind: "stored" });
  });

  it("isn't there when 200 was answered, but an error stands behind it", async () => {
    server.failNext("POST other?uploadId", { kind: "status", status: 200, code: "InternalError" });
    expect((await storeAt().put("other", bytesOf(SIZE))).kind).toBe("unavailable");
    expect(server.openUploads).toBe(0);
  });

  it("never shows an older object of the same key for the new one", async () => {
    server.objects.set("key", Buffer.alloc(5));
    server.failNext("POST key?uploadId", { kind: "status", status: 200, code: "InternalError" });
    expect((await storeAt().put("key", bytesOf(SIZE))).kind).toBe("unavailable");
  });
});

describe("the set-up of an S3 store", () => {
  const whole: S3Env = {
    KEDGE_S3_ENDPOINT: "https://s3.example.org",
    KEDGE_S3_BUCKET: "b",
    KEDGE_S3_ACCESS_KEY_ID: "a",
    KEDGE_S3_SECRET_ACCESS_KEY: "s",
  };

  it("is none without an endpoint", () => {
    expect(s3SettingsOf({})).toBeNull();
    expect(s3SettingsOf({ KEDGE_S3_ENDPOINT: "", KEDGE_S3_BUCKET: "b" })).toBeNull();
    expect(s3SettingsOf({ KEDGE_S3_ENDPOINT: null })).toBeNull();
  });

  it("names what is missing or wrong", () => {
    expect(s3SettingsOf(whole)).toMatchObject({ region: "us-east-1", sessionToken: undefined });
    for (const name of ["KEDGE_S3_BUCKET", "KEDGE_S3_ACCESS_KEY_ID", "KEDGE_S3_SECRET_ACCESS_KEY"]) {
      expect(() => s3SettingsOf({ ...whole, [name]: "" })).toThrow(name);
    }
    for (const endpoint of ["s3.example.org", "ftp://s3.example.org", "https://a:b@s3.example.org", "https://x/?y"]) {
      expect(() => s3SettingsOf({ ...whole, KEDGE_S3_ENDPOINT: endpoint })).toThrow("KEDGE_S3_ENDPOINT");
    }
  });
});
