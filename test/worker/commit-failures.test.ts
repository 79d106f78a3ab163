import { describe, expect, it } from "vitest";
import { CommitFailures } from "#worker/objects/commit-failures.ts";

describe("commits that failed", () => {
  it("let the next attempts wait, longer from time to time, and are forgotten", () => {
    const failures = new CommitFailures();
    expect(failures.refuseUntilMs).toBe(0);
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      failures.note(50_000 + i * 60_000);
      pauses.push(failures.refuseUntilMs - (50_000 + i * 60_000));
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    failures.note(10_000_000);
    expect(failures.refuseUntilMs).toBe(10_001_000);
  });
});
