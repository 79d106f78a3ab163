import { createHash, createHmac } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * workerd makes an object's SQLite with pages of 4 KB, of which a row of record batches needs hundreds, each with system calls of its own in
 * the write-ahead log and again at the checkpoint. SQLite keeps the page size that it finds, so the launcher puts an empty database with
 * larger pages where the broker's object will look for its own (docs/decisions/0024). Without the file everything works, slower.
 */
export const PAGE_BYTES = 32 << 10;

/** The namespace and the name of the broker's object: `wrangler.toml` and `worker/listener/tcp.ts`. */
const NAMESPACE = "kedge-BrokerObject";
const BROKER_OBJECT = "broker-1";

/** Makes the database of the broker's object where there is none yet. */
export function makeBrokerDatabase(objectsDir: string): void {
  const dir = join(objectsDir, NAMESPACE);
  const path = join(dir, `${objectId(NAMESPACE, BROKER_OBJECT)}.sqlite`);
  if (existsSync(path)) return;
  mkdirSync(dir, { recursive: true });
  // Whole or not at all: a launcher that is killed here must not leave half a database behind.
  const fresh = `${path}.new`;
  writeFileSync(fresh, emptyDatabase(PAGE_BYTES), { flush: true });
  renameSync(fresh, path);
}

/** The id that workerd derives from a namespace's key and an object's name: 16 bytes of the name's HMAC, 16 that sign them. */
export function objectId(uniqueKey: string, name: string): string {
  const key = createHash("sha256").update(uniqueKey).digest();
  const hmac = (bytes: string | Uint8Array) => createHmac("sha256", key).update(bytes).digest().subarray(0, 16);
  const base = hmac(name);
  return base.toString("hex") + hmac(base).toString("hex");
}

const MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;
const LEAF_TABLE_PAGE = 13;
const WRITE_AHEAD_LOG = 2;
const SCHEMA_FORMAT = 4;
const UTF_8 = 1;

/** One page: the header and an empty schema table, big-endian (sqlite.org/fileformat2.html, sections 1.3 and 1.6). */
export function emptyDatabase(pageBytes: number): Uint8Array {
  const page = Buffer.alloc(pageBytes);
  page.write(MAGIC, 0, "latin1");
  // 65536 doesn't fit and stands as 1.
  page.writeUInt16BE(pageBytes === 1 << 16 ? 1 : pageBytes, 16);
  page.set([WRITE_AHEAD_LOG, WRITE_AHEAD_LOG, 0, 64, 32, 32], 18);
  page.writeUInt32BE(1, 24); // the file's change counter
  page.writeUInt32BE(1, 28); // its size in pages
  page.writeUInt32BE(SCHEMA_FORMAT, 44);
  page.writeUInt32BE(UTF_8, 56);
  page.writeUInt32BE(1, 92); // the change counter for which the size is valid
  page.writeUInt8(LEAF_TABLE_PAGE, HEADER_BYTES);
  page.writeUInt16BE(pageBytes === 1 << 16 ? 0 : pageBytes, HEADER_BYTES + 5); // where cells would begin: at the end
  return page;
}
