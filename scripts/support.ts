/**
 * `npm run support`: writes docs/support.md from what is registered: the handlers, the departures that they name in their heads, and the
 * config tables. With `--check` it only says whether the file is up to date.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { handlers } from "#broker/registry.ts";
import { BROKER_CONFIGS } from "#cluster/broker-configs.ts";
import { GROUP_CONFIGS } from "#cluster/group-configs.ts";
import { TOPIC_CONFIGS } from "#cluster/topic-configs.ts";
import { readHeads } from "./handler-heads.ts";
import { supportPage } from "./support-page.ts";

const FILE = "docs/support.md";

const { heads, problems } = readHeads(handlers);
const page = supportPage({
  heads,
  topicConfigs: TOPIC_CONFIGS,
  brokerConfigs: BROKER_CONFIGS,
  groupConfigs: GROUP_CONFIGS,
});

if (!process.argv.includes("--check")) writeFileSync(FILE, page);
else if (!existsSync(FILE) || readFileSync(FILE, "utf8") !== page)
  problems.push(`${FILE} is not up to date: npm run support`);

for (const problem of problems) console.log(problem);
console.log(`support: ${heads.length} APIs, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
