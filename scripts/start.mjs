/** `npm start`: installs what is missing, then starts the launcher in cli/start.ts on Kedge's own Node. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { install, isOwnNode, root, runOnOwnNode } from "./bootstrap.mjs";

const script = fileURLToPath(import.meta.url);
const compiled = join(root, "build", "node-cache");

install();
if (isOwnNode()) {
  // Compiled code and stripped types are kept from the last start: worth 40 ms and 20 MB. A first start lets another process make them.
  if (!existsSync(compiled) && process.argv[2] !== "--help") spawnSync(process.execPath, [script, "--help"]);
  module.enableCompileCache(compiled);
  const { start } = await import("../cli/start.ts");
  await start(process.argv.slice(2));
} else {
  runOnOwnNode(script);
}
