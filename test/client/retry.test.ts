import { describe, expect, it } from "vitest";
import { backoffMs, mayProduceAgain } from "#client/retry.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { noRandom } from "../doubles/rest-cluster.ts";

describe("backoffMs", () => {
  it("doubles up to a second", () => {
    expect([1, 2, 3, 6, 7, 50].map((attempt) => backoffMs(attempt, noRandom))).toEqual([20, 40, 80, 640, 1_000, 1_000]);
  });

  it("takes up to half off", () => {
    const greedy = { ...noRandom, below: (bound: number) => bound - 1 };
    expect([1, 7].map((attempt) => backoffMs(attempt, greedy))).toEqual([11, 501]);
  });
});

describe("mayProduceAgain", () => {
  it.each([
    [ErrorCode.NOT_LEADER_OR_FOLLOWER, true],
    [ErrorCode.UNKNOWN_TOPIC_ID, true],
    [ErrorCode.NOT_ENOUGH_REPLICAS, true],
    [ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND, false],
    [ErrorCode.REQUEST_TIMED_OUT, false],
    [ErrorCode.NETWORK_EXCEPTION, false],
    [ErrorCode.MESSAGE_TOO_LARGE, false],
    [ErrorCode.NONE, false],
  ])("error %i: %s", (errorCode, again) => {
    expect(mayProduceAgain(errorCode)).toBe(again);
  });
});
