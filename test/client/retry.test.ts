import { describe, expect, it } from "vitest";
import { attempts } from "#client/attempts.ts";
import { failure, success } from "#client/outcome.ts";
import { backoffMs, mayProduceAgain } from "#client/retry.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ManualTime } from "../doubles/manual-time.ts";
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

describe("attempts", () => {
  const backoff = { firstMs: 100, maxMs: 1_000 };

  function world(timeoutMs: number, isCutAtDeadline?: boolean) {
    const time = new ManualTime(0);
    const startMs = time.nowMs();
    const limits = { deadlineMs: startMs + timeoutMs, backoff, isCutAtDeadline };
    const sleepMs = (ms: number) => new Promise<void>((resolve) => time.set(resolve, ms));
    return {
      time,
      sleepMs,
      limits,
      ports: { clock: time, timers: time, random: noRandom },
      spentMs: () => time.nowMs() - startMs,
    };
  }

  it("end at the deadline where nobody needs to know more, and the work hears of it", async () => {
    const { time, sleepMs, limits, ports, spentMs } = world(1_000, true);
    const heard: boolean[] = [];
    const work = attempts(ports, limits, async (isCut) => {
      heard.push(isCut());
      await sleepMs(heard.length === 1 ? 200 : 30_000);
      heard.push(isCut());
      return failure(ErrorCode.NETWORK_EXCEPTION);
    }).then((outcome) => ({ outcome, spentMs: spentMs() }));
    await time.advance(40_000);
    expect(await work).toMatchObject({ outcome: { errorCode: ErrorCode.REQUEST_TIMED_OUT }, spentMs: 1_000 });
    expect(heard).toEqual([false, false, false, true]);
  });

  it.each([
    ["a single try", 0, true],
    ["what must know whether it was done", 1_000, undefined],
  ] as const)("wait for the answer of %s", async (_, timeoutMs, isCutAtDeadline) => {
    const { time, sleepMs, limits, ports } = world(timeoutMs, isCutAtDeadline);
    const work = attempts(ports, limits, async (isCut) => {
      await sleepMs(5_000);
      return success(isCut());
    });
    await time.advance(10_000);
    expect(await work).toMatchObject({ errorCode: ErrorCode.NONE, value: false });
  });
});
