import { describe, expect, it } from "vitest";
import { seeded } from "../clients/records.ts";
import { storm } from "./durability.ts";
import { startKedge, temporaryDir } from "./kedge.ts";

const ROUNDS = 2;
const ROUND_TIMEOUT_MS = 90_000;

describe("durability storm", () => {
  it(
    "keeps every acknowledged record through kill -9 (npm run storm: 20 rounds)",
    async () => {
      const seed = Date.now() % 1_000_000;
      const dataDir = temporaryDir();
      const start = (kafkaPort: number) => startKedge({ dataDir, kafkaPort });
      const reports = await storm({ rounds: ROUNDS, random: seeded(seed), start });
      for (const report of reports) {
        expect(report.faults, `seed ${seed}, round ${report.round}`).toEqual([]);
        expect(report.acknowledged, "the storm wrote something").toBeGreaterThan(0);
      }
      expect(reports).toHaveLength(ROUNDS);
    },
    ROUNDS * ROUND_TIMEOUT_MS,
  );
});
