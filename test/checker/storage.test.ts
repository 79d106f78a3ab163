import { describe, expect, it } from "vitest";
import { check } from "./check.ts";
import type { FetchEvent, HistoryEvent, OffsetsEvent, ProduceEvent } from "./history.ts";

const AT = { topic: "t", partition: 0 };

/** One record, appended at `atMs`. */
function put(offset: number, id: string, key: string, more: Partial<ProduceEvent> = {}): ProduceEvent {
  const atMs = offset * 100;
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
    order: offset,
    attempts: 1,
    ids: [id],
    keys: [key],
    tombstones: [false],
    timestampMs: atMs,
    sizeInBytes: 100,
    outcome: "acknowledged",
    baseOffset: offset,
    errorCode: 0,
    ...more,
  };
}

function deleted(offset: number, id: string, key: string, more: Partial<ProduceEvent> = {}): ProduceEvent {
  return put(offset, id, key, { tombstones: [true], ...more });
}

function read(
  records: readonly (readonly [number, string])[],
  end: number,
  more: Partial<FetchEvent> = {},
): FetchEvent {
  return {
    type: "fetch",
    client: "r",
    ...AT,
    group: null,
    invokedMs: 5_000,
    completedMs: 5_001,
    offset: 0,
    errorCode: 0,
    highWatermark: end,
    logStartOffset: 0,
    nextOffset: end,
    minBytes: 1,
    records: records.map(([offset, id]) => ({ offset, id })),
    ...more,
  };
}

function told(which: OffsetsEvent["which"], offset: number, atMs: number): OffsetsEvent {
  return { type: "offsets", client: "s", ...AT, which, offset, invokedMs: atMs, completedMs: atMs + 1 };
}

function topic(configs: Readonly<Record<string, string>>): HistoryEvent {
  const times = { invokedMs: 0, completedMs: 0 };
  return {
    type: "topic",
    client: "a",
    action: "create",
    topic: "t",
    name: "t",
    partitions: 1,
    configs,
    ...times,
    outcome: "acknowledged",
  };
}

const COMPACT = topic({ "cleanup.policy": "compact", "delete.retention.ms": "1000" });
const QUIET: HistoryEvent = { type: "quiet", atMs: 4_000 };
const WRITTEN = [put(0, "a", "k"), put(1, "b", "l"), put(2, "c", "k")];

function rulesOf(history: readonly HistoryEvent[]): string[] {
  return [...new Set(check(history, { clockSkewMs: 0 }).map(({ rule }) => rule))];
}

describe("a compacted log", () => {
  it("may lose what came again, and nothing else", () => {
    expect(
      rulesOf([
        COMPACT,
        ...WRITTEN,
        read(
          [
            [1, "b"],
            [2, "c"],
          ],
          3,
        ),
      ]),
    ).toEqual([]);
    expect(rulesOf([COMPACT, ...WRITTEN, read([[2, "c"]], 3)])).toEqual(["vanished"]);
    expect(
      rulesOf([
        COMPACT,
        ...WRITTEN,
        read(
          [
            [0, "a"],
            [1, "b"],
          ],
          3,
          { completedMs: 5_001 },
        ),
      ]),
    ).toEqual(["vanished"]);
    expect(
      rulesOf([
        ...WRITTEN,
        read(
          [
            [1, "b"],
            [2, "c"],
          ],
          3,
        ),
      ]),
    ).toEqual(["lost"]);
  });

  it("keeps a record until the one that replaces it has been sent", () => {
    const early = { invokedMs: 150, completedMs: 160 };
    expect(rulesOf([COMPACT, ...WRITTEN, read([[1, "b"]], 2, early)])).toEqual(["vanished"]);
  });

  it("may miss a record that one replaced of which nobody knows the place, and which was replaced in turn", () => {
    const lost = put(-1, "x", "k", { outcome: "unknown", acks: 0, invokedMs: 120, completedMs: null });
    const early = { invokedMs: 150, completedMs: 160 };
    expect(rulesOf([COMPACT, ...WRITTEN, lost, read([[1, "b"]], 2, early)])).toEqual([]);
    // Nothing came after it: it would still be there.
    const [first, second] = WRITTEN;
    expect(rulesOf([COMPACT, first, second, lost, read([[1, "b"]], 2, early)])).toEqual(["vanished"]);
  });

  it("says nothing of a record whose key has no known place at all", () => {
    const batch = put(-1, "x", "k", {
      ids: ["x", "y"],
      keys: ["k", "n"],
      tombstones: [false, false],
      outcome: "unknown",
    });
    expect(rulesOf([COMPACT, { ...batch, invokedMs: 100, completedMs: null }, read([[0, "x"]], 2)])).toEqual([]);
  });

  it("keeps what is young", () => {
    const lagging = topic({ "cleanup.policy": "compact", "min.compaction.lag.ms": "10000" });
    expect(
      rulesOf([
        lagging,
        ...WRITTEN,
        read(
          [
            [1, "b"],
            [2, "c"],
          ],
          3,
        ),
      ]),
    ).toEqual(["vanished"]);
  });

  it("may lose a tombstone when its time is over, and with it no later than it what it deletes", () => {
    const history = [COMPACT, QUIET, put(0, "a", "k"), deleted(1, "b", "k"), put(2, "c", "l")];
    const early = { invokedMs: 900, completedMs: 901 };
    expect(rulesOf([...history, read([[2, "c"]], 3, early)])).toEqual(["vanished"]);
    expect(rulesOf([...history, read([[2, "c"]], 3)])).toEqual([]);
    const again = { invokedMs: 6_000, completedMs: 6_001 };
    expect(
      rulesOf([
        ...history,
        read([[2, "c"]], 3),
        read(
          [
            [0, "a"],
            [2, "c"],
          ],
          3,
          again,
        ),
      ]),
    ).toEqual(["stale-value"]);
  });

  it("may lose the newest value to a tombstone that came and went while somebody read", () => {
    const written = [COMPACT, QUIET, put(0, "a", "k"), put(1, "b", "k"), put(3, "d", "l")];
    const early = read([[0, "a"]], 4, { invokedMs: 5_000, completedMs: 5_001, nextOffset: 1 });
    const late = read([[3, "d"]], 4, { offset: 1, invokedMs: 20_000, completedMs: 20_001 });
    const tombstone = deleted(2, "c", "k", { invokedMs: 5_100, completedMs: 5_105, timestampMs: 5_100 });
    expect(rulesOf([...written, tombstone, early, late])).toEqual([]);
    expect(rulesOf([...written, put(2, "c", "m"), early, late])).toContain("stale-value");
  });

  it("lets nothing that was aborted replace what was committed", () => {
    const aborted = put(1, "b", "k", { transaction: "tx" });
    expect(rulesOf([COMPACT, put(0, "a", "k"), aborted, read([[1, "b"]], 2)])).toEqual(["vanished"]);
    expect(rulesOf([COMPACT, put(0, "a", "k"), aborted, read([[0, "a"]], 2)])).toEqual([]);
  });
});

describe("the start of a log", () => {
  const startingAt = (logStartOffset: number, completedMs = 5_000) =>
    read([], 3, { offset: 3, logStartOffset, invokedMs: completedMs, completedMs });

  it("moves by age", () => {
    const aging = topic({ "retention.ms": "4850" });
    expect(rulesOf([aging, ...WRITTEN, startingAt(2)])).toEqual([]);
    expect(rulesOf([aging, ...WRITTEN, startingAt(3)])).toEqual(["log-start-moved"]);
  });

  it("moves by size", () => {
    const bounded = topic({ "retention.ms": "-1", "retention.bytes": "200" });
    expect(rulesOf([bounded, ...WRITTEN, startingAt(1)])).toEqual([]);
    expect(rulesOf([bounded, ...WRITTEN, startingAt(2)])).toEqual(["log-start-moved"]);
  });

  it("never goes back", () => {
    const aging = topic({ "retention.ms": "1" });
    expect(rulesOf([aging, ...WRITTEN, startingAt(2), startingAt(1, 6_000)])).toEqual(["deleted-came-back"]);
  });
});

describe("what ListOffsets tells", () => {
  const tiered = [topic({ "retention.ms": "-1" }), ...WRITTEN];

  it("is in order", () => {
    const fine = [
      told("earliest", 0, 5_000),
      told("earliest-local", 2, 5_010),
      told("latest-tiered", 1, 5_020),
      told("max-timestamp", 2, 5_030),
      told("latest", 3, 5_040),
    ];
    expect(rulesOf([...tiered, ...fine])).toEqual([]);
  });

  it.each([
    ["local before all", [told("earliest", 1, 5_000), told("earliest-local", 0, 5_010)]],
    ["local goes back", [told("earliest-local", 2, 5_000), told("earliest-local", 1, 5_010)]],
    ["tiered goes back", [told("latest-tiered", 2, 5_000), told("latest-tiered", 1, 5_010)]],
    ["tiered is gone", [told("latest-tiered", 1, 5_000), told("latest-tiered", -1, 5_010)]],
    ["a hole between tiered and local", [told("earliest-local", 3, 5_000), told("latest-tiered", 1, 5_010)]],
    ["a larger timestamp", [told("max-timestamp", 1, 5_000)]],
    ["no timestamp", [told("max-timestamp", -1, 5_000)]],
  ])("is found out: %s", (_, events) => {
    expect(rulesOf([...tiered, ...events])).toContain("misplaced");
  });
});
