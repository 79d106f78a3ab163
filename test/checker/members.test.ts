import { describe, expect, it } from "vitest";
import { check } from "./check.ts";
import type { CheckOptions, HeartbeatEvent, HistoryEvent } from "./history.ts";

const AT = { topic: "t", partition: 0 };

const times = (second: number) => ({ invokedMs: second * 100, completedMs: second * 100 + 1 });

/** Of a member of a consumer group of KIP-848. */
const beat = (memberId: string, second: number, more: Partial<HeartbeatEvent>): HeartbeatEvent => ({
  type: "heartbeat",
  client: memberId,
  group: "g",
  memberId,
  instanceId: null,
  epoch: 1,
  nextEpoch: 1,
  owned: [],
  assigned: null,
  ...times(second),
  ...more,
});

/** A record that was given to a member of a share group; and what that member says of it. */
const acquired = (memberId: string, second: number, deliveryCount = 1, offset = 0): HistoryEvent => ({
  type: "acquisition",
  client: memberId,
  group: "s",
  memberId,
  ...AT,
  ranges: [{ first: offset, last: offset, deliveryCount }],
  ...times(second),
});

const judged = (memberId: string, second: number, how: "accept" | "release" | "reject"): HistoryEvent => ({
  type: "acknowledgement",
  client: memberId,
  group: "s",
  memberId,
  ...AT,
  said: [{ offset: 0, how }],
  outcome: "acknowledged",
  ...times(second),
});

const committed: HistoryEvent = {
  type: "commit",
  client: "m1",
  ...AT,
  group: "g",
  memberId: "m1",
  generation: 1,
  offset: 5,
  outcome: "acknowledged",
  ...times(3),
};

const read: HistoryEvent = {
  type: "fetch",
  client: "r",
  ...AT,
  group: null,
  offset: 0,
  errorCode: 0,
  highWatermark: 1,
  logStartOffset: 0,
  nextOffset: 1,
  minBytes: 1,
  records: [{ offset: 0, id: "a" }],
  ...times(5),
};

describe("members of groups", () => {
  it.each<[string, readonly HistoryEvent[]]>([
    [
      "a partition that was given back before another had it",
      [
        beat("m1", 1, { assigned: [AT] }),
        beat("m1", 2, { owned: [AT], assigned: [] }),
        beat("m1", 3, {}),
        beat("m2", 4, { assigned: [AT] }),
        beat("m1", 5, {}),
      ],
    ],
    [
      "a shared record that was given back, and one whose holder was too late",
      [
        acquired("m1", 1),
        judged("m1", 2, "release"),
        acquired("m2", 3, 2),
        acquired("m3", 90, 3),
        judged("m3", 91, "accept"),
        judged("m2", 92, "accept"),
      ],
    ],
  ])("may have %s", (_, history) => {
    expect(check(history, { recordLockMs: 1_000 })).toEqual([]);
  });

  it.each<[string, readonly HistoryEvent[], CheckOptions?]>([
    [
      "two-owners",
      [beat("m1", 1, { assigned: [AT] }), beat("m2", 2, { assigned: [AT] }), beat("m1", 3, { owned: [AT] })],
    ],
    [
      "commit-fenced",
      [
        beat("m1", 1, { assigned: [AT] }),
        beat("m1", 1.5, { owned: [AT] }),
        beat("m2", 2, { assigned: [AT] }),
        committed,
      ],
    ],
    ["generation-reused", [beat("m1", 1, { epoch: 3, nextEpoch: 2 })]],
    ["acquired-twice", [acquired("m1", 1), acquired("m2", 2), judged("m1", 3, "accept")], { recordLockMs: 1_000 }],
    [
      "acquired-twice",
      [acquired("m1", 1), judged("m1", 2, "accept"), acquired("m2", 1), judged("m2", 2, "reject")],
      { recordLockMs: 1_000 },
    ],
    ["redelivered", [acquired("m1", 1), judged("m1", 2, "accept"), acquired("m2", 3)], { recordLockMs: 1_000 }],
    ["delivery-count", [acquired("m1", 1), judged("m1", 2, "release"), acquired("m2", 3)], { recordLockMs: 1_000 }],
    ["delivery-count", [acquired("m1", 1, 6)]],
    ["undelivered", [read, acquired("m1", 1, 1, 1)], { isComplete: true }],
  ])("%s", (rule, history, options) => {
    expect(check(history, options).map((anomaly) => anomaly.rule)).toContain(rule);
  });
});
