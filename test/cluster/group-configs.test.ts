import { describe, expect, it } from "vitest";
import { parseDurationMs } from "#cluster/duration.ts";
import { offsetResetAgeMs } from "#cluster/group-configs.ts";

describe("durations", () => {
  it.each([
    ["PT1H", 3_600_000],
    ["P1DT2H", 93_600_000],
    ["PT1.5S", 1_500],
    ["pt0s", 0],
    ["-PT-1M", 60_000],
    ["PT1H-30M", 1_800_000],
    ["PT-1H", null],
    ["P", null],
    ["PT", null],
    ["P1DT", null],
    ["P1Y", null],
    ["1H", null],
    ["PT999999999999999H", null],
    ["", null],
  ])("%s is %s ms", (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });
});

describe("share.auto.offset.reset", () => {
  it("says how old the first record may be", () => {
    expect(offsetResetAgeMs("latest")).toBeNull();
    expect(offsetResetAgeMs("earliest")).toBe(Number.POSITIVE_INFINITY);
    expect(offsetResetAgeMs("by_duration:PT2M")).toBe(120_000);
  });
});
