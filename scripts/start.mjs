/** `npm start`: installs what is missing, then starts the launcher in cli/start.ts on Kedge's own Node. */

import module from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { install, isOwnNode, root, runOnOwnNode } from "./bootstrap.mjs";

install();
if (isOwnNode()) {
  // Compiled code and stripped types are kept from the last start: worth 40 ms and 15 MB.
  module.enableCompileCache(join(root, "build", "node-cache"));
  const { start } = await import("../cli/start.ts");
  await start(process.argv.slice(2));
} else {
  runOnOwnNode(fileURLToPath(import.meta.url));
}
