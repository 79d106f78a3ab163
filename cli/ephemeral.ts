import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAbandoned } from "./data-lock.ts";

const PREFIX = "kedge-ephemeral-";

/** A new temporary data directory. Those that a killed launcher could not remove go first. */
export function makeEphemeralDir(parent = tmpdir()): string {
  for (const entry of readdirSync(parent, { withFileTypes: true })) {
    const dir = join(parent, entry.name);
    if (!entry.isDirectory() || !entry.name.startsWith(PREFIX) || !isAbandoned(dir)) continue;
    try {
      rmSync(dir, { recursive: true, force: true });
    } catch {
      // Somebody else's, or just being removed: what is left of it harms nobody.
    }
  }
  return mkdtempSync(join(parent, PREFIX));
}
