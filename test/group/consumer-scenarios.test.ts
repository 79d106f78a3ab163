import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ConsumerScenario } from "./consumer-scenario.ts";

// As scenarios.test.ts, for groups of the consumer protocol.

const folder = new URL("./consumer-scenarios/", import.meta.url);
const isWriting = process.env.KEDGE_WRITE_SCENARIOS === "1";

function play(script: string): string {
  let scenario = new ConsumerScenario();
  const told: string[] = [];
  for (const line of script.split("\n").filter((one) => !one.startsWith("  "))) {
    told.push(line);
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("config")) {
      const words = line.split(" ").slice(1);
      scenario = new ConsumerScenario(Object.fromEntries(words.map((word) => word.split("="))));
      continue;
    }
    for (const outcome of scenario.run(line).split("\n")) if (outcome !== "") told.push(`  ${outcome}`);
  }
  return told.join("\n");
}

describe("scenarios of consumer groups", () => {
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
