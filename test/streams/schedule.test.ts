import { describe, expect, it } from "vitest";
import { seeded } from "../clients/records.ts";
import { type Faults, scheduleOf } from "./schedule.ts";

const FAULTS: Faults = { instanceKills: 20, brokerKills: 20, pauses: 3, instances: 2, gapMs: 10_000 };

describe("the schedule", () => {
  it("is the same for the same seed", () => {
    expect(scheduleOf(seeded(3), FAULTS)).toEqual(scheduleOf(seeded(3), FAULTS));
    expect(scheduleOf(seeded(3), FAULTS)).not.toEqual(scheduleOf(seeded(4), FAULTS));
  });

  it("has as many faults as were asked for, in order and in time", () => {
    const { broker, instances, lastsMs } = scheduleOf(seeded(3), FAULTS);
    const kinds = instances.flat().map(({ fault }) => fault.kind);
    expect(broker).toHaveLength(20);
    expect(kinds.filter((kind) => kind === "kill")).toHaveLength(20);
    expect(kinds.filter((kind) => kind === "pause")).toHaveLength(3);
    expect(instances.every((track) => track.length > 0)).toBe(true);
    for (const track of [broker, ...instances]) {
      const times = track.map(({ atMs }) => atMs);
      expect(times.toSorted((one, other) => one - other)).toEqual(times);
      expect(times.every((atMs) => atMs <= lastsMs + 1_000)).toBe(true);
    }
  });

  it("kills an instance and the broker at once at times", () => {
    const { broker, instances } = scheduleOf(seeded(3), FAULTS);
    const kills = instances.flat().filter(({ fault }) => fault.kind === "kill");
    const both = broker.filter(({ atMs }) => kills.some((kill) => Math.abs(kill.atMs - atMs) <= 300));
    expect(both.length).toBeGreaterThan(2);
    expect(both.length).toBeLessThan(15);
  });

  it("may be empty", () => {
    const none = { instanceKills: 0, brokerKills: 0, pauses: 0, instances: 2, gapMs: 10_000 };
    expect(scheduleOf(seeded(3), none)).toEqual({ broker: [], instances: [[], []], lastsMs: 0 });
  });
});
