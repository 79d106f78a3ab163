import { describe, expect, it } from "vitest";
import { ZERO_UUID } from "#bytes/uuid.ts";
import { autoCreatedTopic } from "#cluster/internal-topics.ts";
import type { NewTopic } from "#ports/controller.ts";
import { ErrorCode, errorName } from "#protocol/errors.ts";
import { openCluster, topic } from "./setup.ts";

const NAME_249 = "n".repeat(249);

interface CreateCase {
  readonly title: string;
  readonly topic: NewTopic;
  readonly error: keyof typeof ErrorCode;
}

const hand = (...brokerIds: readonly (readonly number[])[]) =>
  brokerIds.map((ids, partitionIndex) => ({ partitionIndex, brokerIds: ids }));

const CREATE_CASES: readonly CreateCase[] = [
  { title: "all defaults", topic: topic("a"), error: "NONE" },
  { title: "the longest name", topic: topic(NAME_249), error: "NONE" },
  { title: "a name that is too long", topic: topic(`${NAME_249}n`), error: "INVALID_TOPIC_EXCEPTION" },
  { title: "an empty name", topic: topic(""), error: "INVALID_TOPIC_EXCEPTION" },
  { title: "a dot", topic: topic("."), error: "INVALID_TOPIC_EXCEPTION" },
  { title: "two dots", topic: topic(".."), error: "INVALID_TOPIC_EXCEPTION" },
  { title: "three dots", topic: topic("..."), error: "NONE" },
  { title: "a slash", topic: topic("a/b"), error: "INVALID_TOPIC_EXCEPTION" },
  { title: "a letter beyond ASCII", topic: topic("é"), error: "INVALID_TOPIC_EXCEPTION" },
  { title: "an existing name", topic: topic("old.topic"), error: "TOPIC_ALREADY_EXISTS" },
  { title: "a name that collides", topic: topic("old_topic"), error: "INVALID_TOPIC_EXCEPTION" },
  { title: "the metadata log", topic: topic("__cluster_metadata"), error: "INVALID_REQUEST" },
  { title: "no partitions", topic: topic("a", { numPartitions: 0 }), error: "INVALID_PARTITIONS" },
  { title: "minus two partitions", topic: topic("a", { numPartitions: -2 }), error: "INVALID_PARTITIONS" },
  { title: "too many partitions", topic: topic("a", { numPartitions: 10_001 }), error: "POLICY_VIOLATION" },
  { title: "more partitions than fit", topic: topic("a", { numPartitions: 2_147_483_647 }), error: "POLICY_VIOLATION" },
  { title: "no replicas", topic: topic("a", { replicationFactor: 0 }), error: "INVALID_REPLICATION_FACTOR" },
  { title: "a replica too many", topic: topic("a", { replicationFactor: 4 }), error: "INVALID_REPLICATION_FACTOR" },
  { title: "a replica on each broker", topic: topic("a", { replicationFactor: 3 }), error: "NONE" },
  {
    title: "an unknown config",
    topic: topic("a", { configs: [{ name: "no.such", value: "1" }] }),
    error: "INVALID_CONFIG",
  },
  {
    title: "a bad config",
    topic: topic("a", { configs: [{ name: "retention.ms", value: "x" }] }),
    error: "INVALID_CONFIG",
  },
  {
    title: "a null config",
    topic: topic("a", { configs: [{ name: "retention.ms", value: null }] }),
    error: "INVALID_CONFIG",
  },
  { title: "an assignment", topic: topic("a", { assignments: hand([1, 2], [3, 1]) }), error: "NONE" },
  {
    title: "an assignment and a factor",
    topic: topic("a", { assignments: hand([1]), replicationFactor: 1 }),
    error: "INVALID_REQUEST",
  },
  {
    title: "an assignment and a number",
    topic: topic("a", { assignments: hand([1]), numPartitions: 1 }),
    error: "INVALID_REQUEST",
  },
  { title: "an empty assignment", topic: topic("a", { assignments: hand([]) }), error: "INVALID_REPLICA_ASSIGNMENT" },
  { title: "an unknown broker", topic: topic("a", { assignments: hand([9]) }), error: "INVALID_REPLICA_ASSIGNMENT" },
  { title: "a broker twice", topic: topic("a", { assignments: hand([1, 1]) }), error: "INVALID_REPLICA_ASSIGNMENT" },
  {
    title: "uneven replicas",
    topic: topic("a", { assignments: hand([1], [1, 2]) }),
    error: "INVALID_REPLICA_ASSIGNMENT",
  },
  {
    title: "a partition twice",
    topic: topic("a", {
      assignments: [
        { partitionIndex: 0, brokerIds: [1] },
        { partitionIndex: 0, brokerIds: [2] },
      ],
    }),
    error: "INVALID_REPLICA_ASSIGNMENT",
  },
  {
    title: "a gap",
    topic: topic("a", { assignments: [{ partitionIndex: 1, brokerIds: [1] }] }),
    error: "INVALID_REPLICA_ASSIGNMENT",
  },
];

describe("creating topics", () => {
  it.each(CREATE_CASES)("$title: $error", async (testCase) => {
    const { broker } = await openCluster({ brokerIds: [1, 2, 3] });
    const { controller } = await broker(1);
    await controller.createTopics([topic("old.topic")]);
    const [outcome] = await controller.createTopics([testCase.topic]);
    expect(errorName(outcome.errorCode)).toBe(testCase.error);
    expect(outcome.errorMessage === null).toBe(testCase.error === "NONE");
    expect(outcome.topicId === ZERO_UUID).toBe(testCase.error !== "NONE");
  });

  it("answers each topic by itself, and refuses both of a pair", async () => {
    const { broker } = await openCluster();
    const { controller, ...rest } = await broker(1);
    const outcomes = await controller.createTopics([topic("a"), topic("b"), topic("a"), topic("c.d"), topic("c_d")]);
    expect(outcomes.map((outcome) => errorName(outcome.errorCode))).toEqual([
      "INVALID_REQUEST",
      "NONE",
      "INVALID_REQUEST",
      "NONE",
      "INVALID_TOPIC_EXCEPTION",
    ]);
    expect(rest.brokerId).toBe(1);
  });

  it("creates nothing when it only validates", async () => {
    const { broker, store } = await openCluster();
    const before = new Map(store.rows);
    const one = await broker(1);
    const [outcome] = await one.controller.createTopics([topic("a", { numPartitions: 7 })], { validateOnly: true });
    expect(outcome).toMatchObject({ errorCode: 0, topicId: ZERO_UUID, numPartitions: 7, replicationFactor: 1 });
    expect(one.cluster.topicByName("a")).toBeUndefined();
    expect(store.rows).toEqual(before);
  });

  it("takes the asking broker's defaults", async () => {
    const { broker } = await openCluster({
      brokerIds: [1, 2],
      configs: { "num.partitions": "3", "default.replication.factor": "2" },
    });
    const one = await broker(1);
    await one.controller.createTopics([topic("a")]);
    expect(one.cluster.topicByName("a")?.partitions).toHaveLength(3);
    expect(one.cluster.partition("a", 0)?.replicas).toHaveLength(2);
  });

  it("spreads leaders over the brokers, and claims only the leader to be in sync", async () => {
    const { broker } = await openCluster({ brokerIds: [3, 1, 2] });
    const one = await broker(1);
    await one.controller.createTopics([topic("a", { numPartitions: 6, replicationFactor: 2 })]);
    const partitions = one.cluster.topicByName("a")?.partitions ?? [];
    expect(partitions.map((partition) => partition.replicas)).toEqual([
      [1, 2],
      [2, 3],
      [3, 1],
      [1, 2],
      [2, 3],
      [3, 1],
    ]);
    expect(partitions.map((partition) => partition.isr)).toEqual([[1], [2], [3], [1], [2], [3]]);
    expect(partitions.every(({ leaderEpoch, partitionEpoch }) => leaderEpoch === 0 && partitionEpoch === 0)).toBe(true);
  });

  it("refuses twenty thousand large topics without placing them one by one", async () => {
    // The arrays of 200 million partitions would outlast any test's time limit.
    const { broker } = await openCluster();
    const one = await broker(1);
    for (const numPartitions of [10_000, 9_999]) {
      const topics = Array.from({ length: 20_000 }, (_, i) => topic(`z${i}`, { numPartitions }));
      const outcomes = await one.controller.createTopics(topics, { validateOnly: true });
      const refused = outcomes.filter((outcome) => errorName(outcome.errorCode) === "POLICY_VIOLATION");
      expect(refused).toHaveLength(numPartitions === 10_000 ? 20_000 : 19_999);
    }
  });

  it("refuses a whole request that creates too much, and more than a broker may hold", async () => {
    const { broker } = await openCluster({ brokerIds: [1, 2] });
    const one = await broker(1);
    const many = [
      topic("a", { numPartitions: 6_000 }),
      topic("b", { numPartitions: 6_000 }),
      topic("c", { numPartitions: 0 }),
    ];
    const outcomes = await one.controller.createTopics(many);
    expect(outcomes.map((outcome) => errorName(outcome.errorCode))).toEqual([
      "POLICY_VIOLATION",
      "POLICY_VIOLATION",
      "INVALID_PARTITIONS",
    ]);
    expect(one.cluster.image.topics).toEqual([]);
    for (const name of ["d", "e", "f"]) {
      const [outcome] = await one.controller.createTopics([topic(name, { numPartitions: 9_000 })]);
      expect(errorName(outcome.errorCode)).toBe(name === "f" ? "POLICY_VIOLATION" : "NONE");
    }
  });

  it("has room for the internal topics on a broker that ordinary topics have filled", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    const create = async (wanted: NewTopic) => {
      const [outcome] = await one.controller.createTopics([wanted]);
      return errorName(outcome.errorCode);
    };
    expect(await create(topic("a", { numPartitions: 9_999 }))).toBe("NONE");
    expect(await create(topic("b"))).toBe("NONE");
    expect(await create(topic("c"))).toBe("POLICY_VIOLATION");
    // One internal topic doesn't take the room of the others, neither when it is created nor when it grows.
    expect(await create(topic("__transaction_state", { numPartitions: 51 }))).toBe("POLICY_VIOLATION");
    for (const name of ["__consumer_offsets", "__transaction_state", "__share_group_state"]) {
      expect(await create(autoCreatedTopic(one.cluster.image, 1, name))).toBe("NONE");
      expect(one.cluster.topicByName(name)?.partitions).toHaveLength(50);
      for (const grown of [name, "b"]) {
        const [outcome] = await one.controller.createPartitions([{ name: grown, count: 51, assignments: null }]);
        expect(errorName(outcome.errorCode)).toBe("POLICY_VIOLATION");
      }
    }
    expect(await create(topic("c"))).toBe("POLICY_VIOLATION");
  });
});

describe("deleting topics", () => {
  it("deletes by name and by id, and says why not", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics(["a", "b", "c", "d"].map((name) => topic(name)));
    const idOf = (name: string) => one.cluster.topicByName(name)?.topicId ?? ZERO_UUID;
    const [b, c] = [idOf("b"), idOf("c")];
    const outcomes = await one.controller.deleteTopics([
      { name: "a", topicId: ZERO_UUID },
      { name: null, topicId: b },
      { name: "no", topicId: ZERO_UUID },
      { name: null, topicId: "unknownunknownunknowna" },
      { name: null, topicId: ZERO_UUID },
      { name: "c", topicId: c },
      { name: "b", topicId: ZERO_UUID },
      { name: "d", topicId: ZERO_UUID },
      { name: "d", topicId: ZERO_UUID },
    ]);
    expect(outcomes.map((outcome) => errorName(outcome.errorCode))).toEqual([
      "NONE",
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "UNKNOWN_TOPIC_ID",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
    ]);
    expect(outcomes[1]).toMatchObject({ name: "b", topicId: b });
    expect(one.cluster.image.topics.map((image) => image.name)).toEqual(["c", "d"]);
  });

  it("gives a topic of the same name another id", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a.b")]);
    const first = one.cluster.topicByName("a.b")?.topicId ?? "";
    await one.controller.deleteTopics([{ name: null, topicId: first }]);
    const [again] = await one.controller.createTopics([topic("a_b")]);
    expect(again.errorCode).toBe(ErrorCode.NONE);
    expect(again.topicId).not.toBe(first);
    expect(one.cluster.topicById(first)).toBeUndefined();
  });

  it("can be forbidden", async () => {
    const { broker } = await openCluster({ configs: { "delete.topic.enable": "false" } });
    const one = await broker(1);
    await one.controller.createTopics([topic("a")]);
    const [outcome] = await one.controller.deleteTopics([{ name: "a", topicId: ZERO_UUID }]);
    expect(errorName(outcome.errorCode)).toBe("TOPIC_DELETION_DISABLED");
    expect(one.cluster.topicByName("a")).toBeDefined();
  });
});

describe("adding partitions", () => {
  const CASES = [
    { title: "more", count: 4, assignments: null, error: "NONE" },
    { title: "as many as there are", count: 2, assignments: null, error: "INVALID_PARTITIONS" },
    { title: "fewer", count: 1, assignments: null, error: "INVALID_PARTITIONS" },
    { title: "a negative number", count: -1, assignments: null, error: "INVALID_PARTITIONS" },
    { title: "too many", count: 2_147_483_647, assignments: null, error: "POLICY_VIOLATION" },
    { title: "by hand", count: 3, assignments: [{ brokerIds: [2] }], error: "NONE" },
    { title: "too few by hand", count: 4, assignments: [{ brokerIds: [2] }], error: "INVALID_REPLICA_ASSIGNMENT" },
    { title: "an unknown broker", count: 3, assignments: [{ brokerIds: [7] }], error: "INVALID_REPLICA_ASSIGNMENT" },
    { title: "another factor", count: 3, assignments: [{ brokerIds: [1, 2] }], error: "INVALID_REPLICA_ASSIGNMENT" },
  ] as const;

  it.each(CASES)("$title: $error", async ({ count, assignments, error }) => {
    const { broker } = await openCluster({ brokerIds: [1, 2] });
    const one = await broker(1);
    await one.controller.createTopics([topic("a", { numPartitions: 2 })]);
    const before = one.cluster.topicByName("a");
    const [outcome] = await one.controller.createPartitions([{ name: "a", count, assignments }]);
    expect(errorName(outcome.errorCode)).toBe(error);
    const after = one.cluster.topicByName("a");
    expect(after?.partitions).toHaveLength(error === "NONE" ? count : 2);
    expect(after?.partitions.slice(0, 2)).toEqual(before?.partitions);
    expect(after?.topicId).toBe(before?.topicId);
  });

  it("refuses to grow eight thousand topics too far without placing their partitions one by one", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    const names = Array.from({ length: 4_000 }, (_, i) => `z${i}`);
    await one.controller.createTopics(names.map((name) => topic(name)));
    await one.controller.createTopics(names.map((name) => topic(`${name}.more`)));
    const all = one.cluster.image.topics.map(({ name }) => ({ name, count: 10_000, assignments: null }));
    expect(all).toHaveLength(8_000);
    const outcomes = await one.controller.createPartitions(all);
    expect(new Set(outcomes.map((outcome) => errorName(outcome.errorCode)))).toEqual(new Set(["POLICY_VIOLATION"]));
  });

  it("goes on with the round of leaders", async () => {
    const { broker } = await openCluster({ brokerIds: [1, 2, 3] });
    const one = await broker(1);
    await one.controller.createTopics([topic("a"), topic("b", { numPartitions: 2 })]);
    await one.controller.createPartitions([{ name: "b", count: 5, assignments: null }]);
    expect(one.cluster.topicByName("b")?.partitions.map((partition) => partition.leaderId)).toEqual([2, 3, 1, 2, 3]);
  });

  it("refuses unknown topics, duplicates, and changes nothing when it only validates", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a"), topic("b")]);
    const grow = (name: string) => ({ name, count: 2, assignments: null });
    const outcomes = await one.controller.createPartitions([grow("no"), grow("a"), grow("a")]);
    expect(outcomes.map((outcome) => errorName(outcome.errorCode))).toEqual([
      "UNKNOWN_TOPIC_OR_PARTITION",
      "INVALID_REQUEST",
      "INVALID_REQUEST",
    ]);
    const [validated] = await one.controller.createPartitions([grow("b")], { validateOnly: true });
    expect(validated.errorCode).toBe(ErrorCode.NONE);
    expect(one.cluster.topicByName("b")?.partitions).toHaveLength(1);
  });
});
