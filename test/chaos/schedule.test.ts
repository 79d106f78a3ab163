import { describe, expect, it } from "vitest";
import { seeded } from "../clients/records.ts";
import { scheduleOf, USUAL_PACE } from "./schedule.ts";

const HALF_AN_HOUR_MS = 1_800_000;

describe("scheduleOf", () => {
  it("makes the same of the same seed, and something else of another", () => {
    const one = scheduleOf(seeded(5), HALF_AN_HOUR_MS);
    expect(scheduleOf(seeded(5), HALF_AN_HOUR_MS)).toEqual(one);
    expect(scheduleOf(seeded(6), HALF_AN_HOUR_MS)).not.toEqual(one);
  });

  it("uses every kind of fault in half an hour, one after the other on each track", () => {
    const { process, network } = scheduleOf(seeded(1), HALF_AN_HOUR_MS);
    const kinds = new Set([...process, ...network].map(({ fault }) => fault.kind));
    expect([...kinds].toSorted()).toEqual(
      ["cut", "cut-inside", "delay", "half-open", "kill", "mute", "pause", "refuse", "restart", "trickle"].toSorted(),
    );
    for (const track of [process, network]) {
      for (const [index, { atMs, fault }] of track.entries()) {
        const lastsMs = "lastsMs" in fault ? fault.lastsMs : 0;
        expect(lastsMs).toBeLessThanOrEqual(USUAL_PACE.longestMs);
        expect(atMs + lastsMs).toBeLessThan(track[index + 1]?.atMs ?? HALF_AN_HOUR_MS);
      }
    }
  });
});
