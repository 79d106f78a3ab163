import { expect, it } from "vitest";
import { seeded } from "../clients/records.ts";
import { fuzz } from "./fuzz.ts";
import { guard } from "./fuzz-guard.ts";
import { startKedge } from "./kedge.ts";

const FRAMES = 4000;

it("outlives mutated frames of every API (npm run fuzz: 100,000)", async () => {
  const seed = Date.now() % 1_000_000;
  const kedge = await startKedge();
  try {
    const watch = guard(kedge);
    const report = await fuzz({
      bootstrap: kedge.kafka,
      frames: FRAMES,
      random: seeded(seed),
      afterBatch: ({ sent }) => watch.afterBatch(sent),
    });
    await watch.atEnd();
    expect(report.sent, `seed ${seed}`).toBe(FRAMES);
    expect(report.outcomes.answered, "some frames are answered").toBeGreaterThan(0);
    expect(report.outcomes.closed, "some connections are closed").toBeGreaterThan(0);
  } catch (error) {
    throw new Error(`seed ${seed}; Kedge said:\n${kedge.output().slice(-4000)}`, { cause: error });
  } finally {
    await kedge.stop();
  }
}, 120_000);
