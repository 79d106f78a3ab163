import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Scenario } from "./scenario.ts";

// Each file in scenarios/ is a script with its outcome: a first line of configs (`config maxSize=2`), then commands, and behind each
// command, indented by two spaces, what the coordinator did. `KEDGE_WRITE_SCENARIOS=1` writes the outcomes anew, to be read with care.

const folder = new URL("./scenarios/", import.meta.url);
const isWriting = process.env.KEDGE_WRITE_SCENARIOS === "1";

function play(script: string): string {
  let scenario = new Scenario();
  const told: string[] = [];
  for (const line of script.split("\n").filter((one) => !one.startsWith("  "))) {
    told.push(line);
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("config")) {
      const entries = line
        .split(" ")
        .slice(1)
        .map((word) => word.split("="));
      scenario = new Scenario(Object.fromEntries(entries.map(([name, value]) => [name, Number(value)])));
      continue;
    }
    for (const outcome of scenario.run(line).split("\n")) if (outcome !== "") told.push(`  ${outcome}`);
  }
  return told.join("\n");
}

describe("scenarios of a group coordinator", () => {
  for (const name of readdirSync(folder).sort()) {
    it(name.replace(".txt", "").replaceAll("-", " "), () => {
      const file = new URL(name, folder);
      const golden = readFileSync(file, "utf8");
      const played = play(golden);
      if (isWriting) writeFileSync(file, played);
      else expect(played).toBe(golden);
    });
  }
});
