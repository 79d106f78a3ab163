import { describe, expect, it } from "vitest";
import { probePausesMs } from "#cli/probe.ts";

describe("probing a start", () => {
  it("asks often at first and seldom when something is wrong", () => {
    const pausesMs = probePausesMs();
    const all = Array.from({ length: 207 }, () => pausesMs.next().value);
    expect(new Set(all.slice(0, 200))).toEqual(new Set([5]));
    expect(all.slice(200)).toEqual([10, 20, 40, 80, 160, 250, 250]);
  });
});
