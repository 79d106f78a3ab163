import { mkdtempSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { seeded } from "../clients/records.ts";
import { temporaryDir } from "../e2e/kedge.ts";
import { kedgeStarter } from "./brokers.ts";
import { chaos } from "./run.ts";
import { scheduleOf } from "./schedule.ts";
import { verdictOf } from "./verdict.ts";

const PACE = { processGapMs: [800, 2_000], networkGapMs: [200, 600], longestMs: 1_500 } as const;
const LASTS_MS = 6_000;
const TEST_TIMEOUT_MS = 180_000;

/** The next seed whose schedule begins with the end of the process: a short run on a slow machine gets to few faults. */
function seedThatKills(first: number): number {
  let seed = first;
  while (scheduleOf(seeded(seed), LASTS_MS, PACE).process.at(0)?.fault.kind !== "kill") seed += 1;
  return seed;
}

describe("chaos", () => {
  // Other systems have no second loopback address for the broker.
  it.skipIf(process.platform !== "linux")(
    "finds nothing wrong with what kafkajs saw (npm run chaos: Java and librdkafka, too, and for half an hour)",
    async () => {
      const seed = seedThatKills(Date.now() % 1_000_000);
      const report = await chaos({
        seed,
        lastsMs: LASTS_MS,
        pace: PACE,
        libraries: ["kafkajs"],
        recordsPerS: 200,
        memberLivesMs: 0,
        dir: mkdtempSync(path.join(temporaryDir(), "chaos-")),
        brokerOf: kedgeStarter,
        say: () => {},
      });
      expect([...report.anomalies, ...report.problems], `seed ${seed}`).toEqual([]);
      expect(report.restartsMs.length, "the broker died and came back").toBeGreaterThan(0);
      const read = report.history.filter((event) => event.type === "fetch" && event.group === null);
      expect(
        read.length,
        `seed ${seed}: something was written and read\n${verdictOf(report).join("\n")}`,
      ).toBeGreaterThan(0);
    },
    TEST_TIMEOUT_MS,
  );
});
