import { describe, expect, it } from "vitest";
import { check } from "./check.ts";
import type { CheckOptions, CommitEvent, FetchEvent, HistoryEvent, ProduceEvent } from "./history.ts";
import { RULES } from "./history.ts";

const AT = { topic: "t", partition: 0 };

function produced(baseOffset: number, ids: readonly string[], more: Partial<ProduceEvent> = {}): ProduceEvent {
  const atMs = baseOffset * 10;
  return {
    type: "produce",
    client: "p",
    ...AT,
    invokedMs: atMs,
    completedMs: atMs + 5,
    acks: -1,
    idempotent: true,
    session: "p/1",
    ordered: true,
    order: baseOffset,
    attempts: 1,
    ids,
    outcome: "acknowledged",
    baseOffset,
    errorCode: 0,
    ...more,
  };
}

function fetched(offset: number, ids: readonly string[], more: Partial<FetchEvent> = {}): FetchEvent {
  const records = ids.map((id, index) => ({ offset: offset + index, id }));
  const nextOffset = offset + ids.length;
  return {
    type: "fetch",
    client: "r",
    ...AT,
    group: null,
    invokedMs: 1_000,
    completedMs: 1_001,
    offset,
    errorCode: 0,
    highWatermark: nextOffset,
    logStartOffset: 0,
    nextOffset,
    minBytes: 1,
    records,
    ...more,
  };
}

function committed(offset: number, more: Partial<CommitEvent> = {}): CommitEvent {
  const atMs = 2_000 + offset;
  return {
    type: "commit",
    client: "m",
    ...AT,
    group: "g",
    memberId: "m",
    generation: 1,
    offset,
    invokedMs: atMs,
    completedMs: atMs + 1,
    outcome: "acknowledged",
    ...more,
  };
}

function assigned(memberId: string, generation: number, more = {}): HistoryEvent {
  const times = { invokedMs: 100, completedMs: 101 };
  return {
    type: "assignment",
    client: memberId,
    group: "g",
    memberId,
    instanceId: null,
    generation,
    partitions: [AT],
    ...times,
    ...more,
  };
}

const ask = (offset: number, invokedMs: number): HistoryEvent => ({
  type: "committed",
  client: "w",
  ...AT,
  group: "g",
  offset,
  invokedMs,
  completedMs: invokedMs + 1,
});

function rulesBroken(history: readonly HistoryEvent[], options: CheckOptions = {}): string[] {
  return [...new Set(check(history, options).map(({ rule }) => rule))];
}

const inTransaction = (baseOffset: number, ids: readonly string[], more: Partial<ProduceEvent> = {}) =>
  produced(baseOffset, ids, { transaction: "x/1", ...more });

const committedOnly = (offset: number, ids: readonly string[], more: Partial<FetchEvent> = {}) =>
  fetched(offset, ids, { isCommittedOnly: true, ...more });

const ended = (outcome: "committed" | "aborted" | "unknown", invokedMs = 100): HistoryEvent => ({
  type: "transaction",
  client: "p",
  transaction: "x/1",
  transactionalId: "x",
  outcome,
  invokedMs,
  completedMs: invokedMs + 1,
});

/** One record of another topic, and its copy. */
const COPIED: readonly HistoryEvent[] = [
  inTransaction(0, ["c1"], { copies: ["a@0"] }),
  ended("committed"),
  committedOnly(0, ["c1"]),
  {
    type: "copier",
    client: "c",
    transactionalId: "x",
    partitions: [{ topic: "from", partition: 0 }],
    invokedMs: 0,
    completedMs: 1,
  },
];

const quiet = (atMs: number): HistoryEvent => ({ type: "quiet", atMs });
const deleted = { type: "delete-records", client: "a", ...AT, invokedMs: 500, completedMs: 501 } as const;
const FINE = [produced(0, ["a", "b"]), produced(2, ["c"]), fetched(0, ["a", "b", "c"])];

describe("a history that keeps the promises", () => {
  it.each<[string, readonly HistoryEvent[]]>([
    ["records in order", FINE],
    [
      "a producer that isn't idempotent and sent twice",
      [produced(0, ["a"], { idempotent: false, ordered: false, attempts: 2 }), fetched(0, ["a", "a"])],
    ],
    [
      "a lost answer: there or not",
      [produced(0, ["a"], { outcome: "unknown", completedMs: null, baseOffset: -1 }), fetched(0, ["a"])],
    ],
    [
      "a commit without an answer: read or not",
      [committed(5, { outcome: "unknown", completedMs: null }), ask(-1, 3_000), ask(5, 3_100)],
    ],
    ["commits that overlap", [committed(5, { completedMs: 9_000 }), committed(6), ask(5, 9_500)]],
    [
      "a static member in its own place",
      [assigned("m1", 1, { instanceId: "i" }), assigned("m2", 1, { instanceId: "i" })],
    ],
    [
      "a record whose first place was deleted before anybody read it",
      [
        produced(0, ["a"], { idempotent: false, attempts: 2, order: 0 }),
        produced(1, ["b"], { idempotent: false, order: 1 }),
        { ...deleted, invokedMs: 20, completedMs: 21, beforeOffset: 1, lowWatermark: 1, outcome: "acknowledged" },
        fetched(1, ["b", "a"], { logStartOffset: 1 }),
      ],
    ],
    [
      "transactions: aborted ones and open ones that nobody is shown, and one of which nobody knows",
      [
        inTransaction(0, ["a"]),
        ended("aborted"),
        inTransaction(1, ["b"], { transaction: "x/2" }),
        committedOnly(0, [], { nextOffset: 2, highWatermark: 2 }),
        fetched(0, ["a", "b"]),
      ],
    ],
    ["a reader that begins inside a batch", [produced(0, ["a", "b"]), fetched(1, ["b"])]],
  ])("%s", (_, history) => {
    expect(check(history, { isComplete: false, noRetention: true, lateMs: 100 })).toEqual([]);
  });
});

describe("a broken promise", () => {
  it.each<[string, readonly HistoryEvent[], CheckOptions?]>([
    ["lost", [...FINE, fetched(0, ["a", "b"], { nextOffset: 3, highWatermark: 3 })]],
    ["lost", [produced(0, ["a"]), produced(0, ["b"], { invokedMs: 20, completedMs: 25 })]],
    ["duplicated", [produced(0, ["a"], { attempts: 2 }), fetched(0, ["a", "a"])]],
    ["duplicated", [produced(0, ["a"], { idempotent: false }), fetched(0, ["a", "a"])]],
    ["reordered", [produced(1, ["a"], { order: 0 }), produced(0, ["b"], { order: 1 }), fetched(0, ["b", "a"])]],
    [
      "torn",
      [
        produced(0, ["a", "b"], { outcome: "unknown", completedMs: null, baseOffset: -1 }),
        fetched(0, ["a"]),
        produced(1, ["c"]),
        fetched(1, ["c"]),
      ],
    ],
    ["phantom", [...FINE, fetched(3, ["x"])]],
    ["phantom", [produced(0, ["a"], { outcome: "refused" }), fetched(0, ["a"])]],
    [
      "diverged",
      [...FINE, produced(3, ["d"], { outcome: "unknown", completedMs: null, baseOffset: -1 }), fetched(2, ["d"])],
    ],
    ["uncommitted-read", [...FINE, fetched(0, ["a", "b", "c"], { highWatermark: 2, invokedMs: 900 })]],
    ["went-back", [...FINE, fetched(0, ["a", "b"], { invokedMs: 2_000, completedMs: 2_001 })]],
    [
      "went-back",
      [
        ...FINE,
        { type: "offsets", client: "o", ...AT, which: "latest", offset: 1, invokedMs: 2_000, completedMs: 2_001 },
      ],
    ],
    [
      "deleted-came-back",
      [
        ...FINE,
        { ...deleted, beforeOffset: 2, lowWatermark: 2, outcome: "acknowledged" },
        fetched(0, ["a", "b", "c"], { invokedMs: 1_500 }),
      ],
    ],
    ["log-start-moved", [...FINE, fetched(2, ["c"], { logStartOffset: 2 })], { noRetention: true }],
    ["commit-lost", [committed(5), committed(8), ask(5, 3_000)]],
    ["commit-lost", [committed(5), ask(-1, 3_000)]],
    ["commit-lost", [ask(5, 3_000)]],
    ["commit-fenced", [assigned("m1", 2), committed(5, { generation: 1 })]],
    ["two-owners", [assigned("m1", 1), assigned("m2", 1)]],
    [
      "generation-reused",
      [
        assigned("m1", 2),
        { type: "join", client: "m2", group: "g", memberId: "m2", generation: 1, invokedMs: 200, completedMs: 201 },
      ],
    ],
    ["skipped", [...FINE, fetched(0, ["a"], { group: "g" }), committed(3)]],
    [
      "producer-id-reused",
      ["p1", "p2"].map(
        (client) =>
          ({ type: "producer-id", client, producerId: 1, producerEpoch: 0, invokedMs: 0, completedMs: 1 }) as const,
      ),
    ],
    ["sequence-refused", [produced(0, ["a"], { outcome: "refused", errorCode: 45 })]],
    [
      "topic-lost",
      [
        {
          type: "topic",
          client: "a",
          action: "create",
          topic: "t",
          name: "t",
          partitions: 2,
          outcome: "acknowledged",
          invokedMs: 0,
          completedMs: 1,
        },
        quiet(10),
        {
          type: "topics-seen",
          client: "a",
          invokedMs: 20,
          completedMs: 21,
          topics: [{ topic: "t", name: "t", partitions: 1 }],
        },
      ],
    ],
    [
      "late",
      [quiet(0), produced(0, ["a"]), fetched(0, [], { invokedMs: 0, completedMs: 500, highWatermark: 0 })],
      { lateMs: 100 },
    ],
    ["unread", [produced(0, ["a"])], { isComplete: true }],
    ["aborted-read", [inTransaction(0, ["a"]), ended("aborted"), committedOnly(0, ["a"])]],
    ["aborted-read", [inTransaction(0, ["a"]), ended("committed", 5_000), committedOnly(0, ["a"])]],
    ["aborted-read", [inTransaction(0, ["a"]), committedOnly(0, ["a"])]],
    [
      "torn-transaction",
      [inTransaction(0, ["a"]), inTransaction(1, ["b"]), ended("unknown"), committedOnly(0, ["a"], { nextOffset: 2 })],
      { isComplete: true },
    ],
    [
      "torn-transaction",
      [inTransaction(0, ["a"]), ended("committed"), committedOnly(0, [], { nextOffset: 1, highWatermark: 1 })],
      { isComplete: true },
    ],
    [
      "copied-twice",
      [...COPIED, inTransaction(1, ["c2"], { copies: ["a@0"] }), committedOnly(0, ["c1", "c2"])],
      { isComplete: true },
    ],
    ["not-copied", [...COPIED, fetched(0, ["a", "b"], { topic: "from" })], { isComplete: true }],
    [
      "went-back",
      [
        ...FINE,
        committedOnly(0, ["a"], { lastStableOffset: 3, nextOffset: 1, highWatermark: 3 }),
        committedOnly(0, [], {
          lastStableOffset: 1,
          nextOffset: 0,
          highWatermark: 3,
          invokedMs: 2_000,
          completedMs: 2_001,
        }),
      ],
    ],
    ["uncommitted-read", [...FINE, committedOnly(0, ["a", "b"], { lastStableOffset: 1, highWatermark: 3 })]],
  ])("%s", (rule, history, options) => {
    expect(rulesBroken(history, options)).toContain(rule);
  });

  it("is known by every rule", () => {
    expect(RULES).toHaveLength(31);
  });
});

describe("a group that was forgotten", () => {
  const joined = (memberId: string, generation: number, invokedMs: number): HistoryEvent[] => {
    const times = { invokedMs, completedMs: invokedMs + 10 };
    return [
      { type: "join", client: memberId, group: "g", memberId, generation, ...times },
      assigned(memberId, generation, times),
    ];
  };
  const anew = [...joined("m1", 1, 100), ...joined("m1", 2, 200), ...joined("m2", 1, 300), ...joined("m2", 2, 400)];

  it("may begin anew where clocks went on so far", () => {
    expect(rulesBroken(anew).sort()).toEqual(["generation-reused", "two-owners"]);
    expect(check(anew, { forgetsGroups: true })).toEqual([]);
  });

  it("may begin with another static member, but one that comes back to its own place begins nothing", () => {
    const seated = (memberId: string, instanceId: string, invokedMs: number): HistoryEvent[] =>
      joined(memberId, 1, invokedMs).map((event) => (event.type === "assignment" ? { ...event, instanceId } : event));
    const others = [...joined("m1", 1, 100), ...seated("i-a", "i", 300)];
    expect(check(others, { forgetsGroups: true })).toEqual([]);
    const backAfterLeaving = [...seated("i-a", "i", 100), ...joined("m1", 1, 105), ...seated("i-b", "i", 300)];
    expect(rulesBroken(backAfterLeaving, { forgetsGroups: true })).toEqual(["two-owners"]);
  });

  it("may not when it had committed something", () => {
    const keeps = committed(5, { memberId: "m1", generation: 2, invokedMs: 220, completedMs: 221 });
    expect(rulesBroken([...anew, keeps], { forgetsGroups: true })).toContain("generation-reused");
  });

  it("may not while others are in it", () => {
    const twice = [...joined("m1", 1, 100), ...joined("m2", 1, 105)];
    expect(rulesBroken(twice, { forgetsGroups: true })).toEqual(["two-owners"]);
  });
});

describe("an old instance that still answers", () => {
  const stale = [
    ...FINE,
    fetched(0, ["a"], { invokedMs: 2_000, completedMs: 2_001, highWatermark: 1 }),
    committed(0),
    ask(-1, 3_000),
  ];

  it("may be behind, but only before the quiet time", () => {
    expect(rulesBroken(stale).sort()).toEqual(["commit-lost", "went-back"]);
    expect(check(stale, { staleReads: true })).toEqual([]);
    expect(rulesBroken([quiet(1_500), ...stale], { staleReads: true }).sort()).toEqual(["commit-lost", "went-back"]);
  });

  it("may not show what was never there", () => {
    const diverged = [...FINE, fetched(0, ["b"], { invokedMs: 2_000 })];
    expect(rulesBroken(diverged, { staleReads: true })).toContain("diverged");
  });
});
