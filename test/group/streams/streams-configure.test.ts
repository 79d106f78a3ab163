import { describe, expect, it, vi } from "vitest";
import { configureTopology } from "#group/streams/configure.ts";
import { MAX_REPARTITION_PASSES } from "#group/streams/limits.ts";
import { StreamsStatus } from "#group/streams/status.ts";
import { isSameTopology, type Subtopology, topologyProblem } from "#group/streams/topology.ts";
import { NamedTopics } from "../named-topics.ts";
import { subtopology, topic, topology } from "./topologies.ts";

function topicsOf(sizes: Record<string, number>): NamedTopics {
  const topics = new NamedTopics();
  for (const [name, partitions] of Object.entries(sizes)) topics.set(name, partitions);
  return topics;
}

function configured(sizes: Record<string, number>, subtopologies: Subtopology[]) {
  const answer = configureTopology(topology(subtopologies), topicsOf(sizes));
  if ("kind" in answer) return answer.message;
  const { problem, missingTopics } = answer;
  return {
    tasks: [...answer.subtopologies.values()].map(({ taskCount }) => taskCount),
    missing: missingTopics.map(({ name, partitions }) => `${name} ${partitions}`),
    status: problem?.statusCode ?? null,
  };
}

const writes = (...repartitionSinkTopics: string[]) =>
  subtopology("w", { sourceTopics: ["four"], repartitionSinkTopics });
const together = (sourceTopics: number[], repartitionSourceTopics: number[]) => ({
  sourceTopics,
  sourceTopicRegex: [],
  repartitionSourceTopics,
});
const SIZES = { four: 4, three: 3 };
const { MISSING_INTERNAL_TOPICS, MISSING_SOURCE_TOPICS, INCORRECTLY_PARTITIONED_TOPICS } = StreamsStatus;

describe("a topology and the topics that there are", () => {
  it("has as many tasks as its largest topic", () => {
    expect(configured(SIZES, [subtopology("0", { sourceTopics: ["three", "four"] })])).toEqual({
      tasks: [4],
      missing: [],
      status: null,
    });
  });

  it("waits for source topics", () => {
    expect(configured(SIZES, [subtopology("0", { sourceTopics: ["nowhere", "four"] })])).toEqual({
      tasks: [],
      missing: [],
      status: MISSING_SOURCE_TOPICS,
    });
  });

  it("passes a number of partitions on from one repartition topic to the next", () => {
    const chain = [
      subtopology("2", { repartitionSourceTopics: [topic("b")], stateChangelogTopics: [topic("c")] }),
      subtopology("1", { repartitionSourceTopics: [topic("a")], repartitionSinkTopics: ["b"] }),
      subtopology("0", { sourceTopics: ["three"], repartitionSinkTopics: ["a"] }),
    ];
    expect(configured(SIZES, chain)).toEqual({
      tasks: [3, 3, 3],
      missing: ["a 3", "b 3", "c 3"],
      status: MISSING_INTERNAL_TOPICS,
    });
    expect(configured({ ...SIZES, a: 3, b: 3, c: 3 }, chain)).toEqual({ tasks: [3, 3, 3], missing: [], status: null });
    expect(configured({ ...SIZES, a: 3, b: 3, c: 4 }, chain)).toMatchObject({ status: INCORRECTLY_PARTITIONED_TOPICS });
  });

  it.each([
    [
      "a source",
      [
        subtopology("0", {
          sourceTopics: ["three"],
          repartitionSourceTopics: [topic("r")],
          copartitionGroups: [together([0], [0])],
        }),
      ],
      ["r 3"],
    ],
    [
      "one of them",
      [
        subtopology("0", {
          repartitionSourceTopics: [topic("r"), topic("q", { partitions: 2 })],
          copartitionGroups: [together([], [0, 1])],
        }),
      ],
      ["r 2", "q 2"],
    ],
    [
      "the largest",
      [
        subtopology("x", { sourceTopics: ["three"], repartitionSinkTopics: ["q"] }),
        subtopology("0", {
          repartitionSourceTopics: [topic("r"), topic("q")],
          copartitionGroups: [together([], [0, 1])],
        }),
      ],
      ["r 4", "q 4"],
    ],
  ])("joins repartition topics with as many partitions as %s has", (_, own, missing) => {
    expect(configured(SIZES, [writes("r"), ...own])).toMatchObject({ missing, status: MISSING_INTERNAL_TOPICS });
  });

  it.each([
    ["sources", [subtopology("0", { sourceTopics: ["four", "three"], copartitionGroups: [together([0, 1], [])] })]],
    [
      "a source and a fixed one",
      [
        subtopology("0", {
          sourceTopics: ["four"],
          repartitionSourceTopics: [topic("r", { partitions: 2 })],
          copartitionGroups: [together([0], [0])],
        }),
      ],
    ],
    [
      "fixed ones",
      [
        subtopology("0", {
          repartitionSourceTopics: [topic("r", { partitions: 2 }), topic("q", { partitions: 3 })],
          copartitionGroups: [together([], [0, 1])],
        }),
      ],
    ],
  ])("can't join %s of different sizes", (_, own) => {
    expect(configured(SIZES, [writes("r", "q"), ...own])).toMatchObject({ status: INCORRECTLY_PARTITIONED_TOPICS });
  });

  it("takes no circle, no repartition topic that nobody writes, and no more tasks than can be kept", () => {
    const circle = [
      subtopology("0", { repartitionSourceTopics: [topic("a")], repartitionSinkTopics: ["b"] }),
      subtopology("1", { repartitionSourceTopics: [topic("b")], repartitionSinkTopics: ["a"] }),
    ];
    expect(configured(SIZES, circle)).toMatch(/circle/);
    const unwritten = [subtopology("0", { sourceTopics: ["four"], repartitionSourceTopics: [topic("a")] })];
    expect(configured(SIZES, unwritten)).toMatch(/Nothing writes/);
    const huge = topic("r", { partitions: 2_000_000_000 });
    expect(configured(SIZES, [writes("r"), subtopology("0", { repartitionSourceTopics: [huge] })])).toMatch(/tasks/);
  });

  it("goes through a chain that is told backwards so often and no oftener", () => {
    const chain = (length: number) => [
      subtopology("last", { repartitionSourceTopics: [topic(`r${length}`)] }),
      ...Array.from({ length: length - 1 }, (_, at) => length - 1 - at).map((at) =>
        subtopology(`s${at}`, { repartitionSourceTopics: [topic(`r${at}`)], repartitionSinkTopics: [`r${at + 1}`] }),
      ),
      writes("r1"),
    ];
    expect(configured(SIZES, chain(MAX_REPARTITION_PASSES))).toMatchObject({ status: MISSING_INTERNAL_TOPICS });
    expect(configured(SIZES, chain(MAX_REPARTITION_PASSES + 1))).toMatch(/passes/);
    expect(configured(SIZES, chain(MAX_REPARTITION_PASSES + 1).reverse())).toMatchObject({
      status: MISSING_INTERNAL_TOPICS,
    });
  });

  it("looks at the sources of a subtopology once, however many topics it writes", () => {
    const names = Array.from({ length: 300 }, (_, at) => `t${at}`);
    const sinks = names.map((name) => `${name}r`);
    const topics = topicsOf(Object.fromEntries(names.map((name) => [name, 1])));
    const count = vi.spyOn(topics, "partitionCountOf");
    const wide = subtopology("0", { sourceTopics: names, repartitionSinkTopics: sinks });
    const reader = subtopology("1", { repartitionSourceTopics: sinks.map((name) => topic(name)) });
    expect(configureTopology(topology([wide, reader]), topics)).not.toHaveProperty("kind");
    expect(count.mock.calls.length).toBeLessThan(5 * names.length);
  });
});

describe("what is no topology", () => {
  it.each([
    ["a negative epoch", topology([], -1)],
    [
      "two of one name",
      topology([subtopology("0", { sourceTopics: ["a"] }), subtopology("0", { sourceTopics: ["b"] })]),
    ],
    ["one that reads nothing", topology([subtopology("0")])],
    [
      "a changelog of its own size",
      topology([subtopology("0", { sourceTopics: ["a"], stateChangelogTopics: [topic("c", { partitions: 1 })] })]),
    ],
    ["a negative size", topology([subtopology("0", { repartitionSourceTopics: [topic("c", { partitions: -1 })] })])],
    [
      "a group beyond the sources",
      topology([subtopology("0", { sourceTopics: ["a"], copartitionGroups: [together([1], [])] })]),
    ],
    [
      "a group before the repartition topics",
      topology([subtopology("0", { sourceTopics: ["a"], copartitionGroups: [together([0], [-1])] })]),
    ],
    [
      "too much",
      topology([
        subtopology("0", { sourceTopics: Array.from({ length: 3_000 }, (_, at) => `${"n".repeat(240)}${at}`) }),
      ]),
    ],
  ])("%s", (_, wrong) => {
    expect(topologyProblem(wrong)).toEqual(expect.any(String));
  });

  it("the order of subtopologies says nothing, everything else does", () => {
    const [one, two] = [subtopology("0", { sourceTopics: ["a"] }), subtopology("1", { sourceTopics: ["b"] })];
    expect(isSameTopology(topology([one, two]), topology([two, one]))).toBe(true);
    expect(isSameTopology(topology([one, two]), topology([two, one], 1))).toBe(false);
    expect(isSameTopology(topology([one]), topology([{ ...one, sourceTopics: ["a", "b"] }]))).toBe(false);
  });
});
