import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeEphemeralDir } from "#cli/ephemeral.ts";
import { identify, type ProcessIdentity } from "#cli/processes.ts";

const HERE = identify(process.pid) as ProcessIdentity;
/** A process of this system that does not live: ours, as if it had started at another time. */
const ENDED = { pid: process.pid, started: `${HERE.started}1` };

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "kedge-sweep-"));
});
afterEach(() => rmSync(parent, { recursive: true }));

/** A directory with a file in it; with a lock, where a holder is given. */
function leave(name: string, holder?: unknown): string {
  const dir = join(parent, name);
  mkdirSync(join(dir, "objects"), { recursive: true });
  if (holder !== undefined) writeFileSync(join(dir, "lock"), JSON.stringify(holder));
  return dir;
}

describe("a temporary data directory", () => {
  it("is new and empty each time", () => {
    expect(makeEphemeralDir(parent)).not.toBe(makeEphemeralDir(parent));
  });

  it("comes after those are removed whose holders have ended", () => {
    const alone = leave("kedge-ephemeral-a", { launcher: ENDED });
    const both = leave("kedge-ephemeral-b", { launcher: ENDED, runtime: ENDED });
    makeEphemeralDir(parent);
    expect([alone, both].filter(existsSync)).toEqual([]);
  });

  it("leaves alone what is in use, what it can't know about, and what isn't Kedge's", () => {
    const kept = [
      leave("kedge-ephemeral-used", { launcher: HERE }),
      leave("kedge-ephemeral-workerd", { launcher: ENDED, runtime: HERE }),
      leave("kedge-ephemeral-elsewhere", { launcher: { pid: process.pid, started: "another boot/pid:[1]/7" } }),
      leave("kedge-ephemeral-fresh"),
      leave("kedge-ephemeral-odd", "what?"),
      leave("another", { launcher: ENDED }),
    ];
    makeEphemeralDir(parent);
    expect(kept.filter((dir) => !existsSync(dir))).toEqual([]);
  });
});
