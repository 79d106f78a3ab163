import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** vitest's global setup: one directory for everything temporary of a run. Its workers are killed at the end, so they can't tidy up. */
export default function setUp(): () => void {
  const root = mkdtempSync(join(tmpdir(), "kedge-test-"));
  process.env["KEDGE_TEST_DIR"] = root;
  return () => rmSync(root, { recursive: true, force: true });
}
