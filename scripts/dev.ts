/** `npm run dev`: wrangler's own development server on wrangler.toml, with Kafka on its `connect` port and reload on change. */

import { spawn } from "node:child_process";

const wrangler = ["node_modules/wrangler/bin/wrangler.js", "dev", ...process.argv.slice(2)];
const child = spawn(process.execPath, wrangler, {
  stdio: "inherit",
  env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 0));
