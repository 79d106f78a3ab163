import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { emptyDatabase, makeBrokerDatabase, objectId, PAGE_BYTES } from "#cli/broker-database.ts";

const dirs: string[] = [];
const sqlite: { DatabaseSync: typeof DatabaseSync } = createRequire(import.meta.url)("node:sqlite");

function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "kedge-database-"));
  dirs.push(dir);
  return dir;
}

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

describe("the broker's database", () => {
  it.each([4096, PAGE_BYTES, 65_536])("is one that SQLite itself opens, with pages of %i bytes", (pageBytes) => {
    const path = join(temporaryDir(), "empty.sqlite");
    writeFileSync(path, emptyDatabase(pageBytes));
    const database = new sqlite.DatabaseSync(path);
    expect(database.prepare("PRAGMA page_size").get()).toEqual({ page_size: pageBytes });
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    database.exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, bytes BLOB); INSERT INTO t (bytes) VALUES (zeroblob(1000000))",
    );
    expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    expect(database.prepare("SELECT length(bytes) AS n FROM t").get()).toEqual({ n: 1_000_000 });
    database.close();
  });

  it("stands under the id that workerd gave the object broker-1 of a real data directory", () => {
    expect(objectId("kedge-BrokerObject", "broker-1")).toBe(
      "44bdbc20d694061e6ca8c4a490ab4ec6d8ed34bc1aae8e3cec52d8bf137e8fe8",
    );
  });

  it("is made once: what is there is left as it is", () => {
    const dir = temporaryDir();
    makeBrokerDatabase(dir);
    const [namespace] = readdirSync(dir);
    const [file] = readdirSync(join(dir, namespace as string));
    const path = join(dir, namespace as string, file as string);
    expect(readFileSync(path).length).toBe(PAGE_BYTES);
    writeFileSync(path, "mine");
    makeBrokerDatabase(dir);
    expect(readFileSync(path, "utf8")).toBe("mine");
  });
});
