/** `npm test`: installs what is missing, then runs all of `npm run check` on Kedge's own Node. */

import { join } from "node:path";
import { install, root, runOnOwnNode } from "./bootstrap.mjs";

install();
process.chdir(root);
runOnOwnNode(join(root, "scripts", "check.ts"));
