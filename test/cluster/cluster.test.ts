import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ZERO_UUID } from "#bytes/uuid.ts";
import { parseBrokers, parseStaticConfigs } from "#cluster/boot.ts";
import { autoCreatedTopic } from "#cluster/internal-topics.ts";
import { ConfigResourceType } from "#ports/controller.ts";
import { openCluster, type TestBroker, topic } from "./setup.ts";

describe("a cluster", () => {
  it("keeps its id, topics and configs over a restart", async () => {
    const first = await openCluster();
    const one = await first.broker(1);
    await one.controller.createTopics([
      topic("a", { numPartitions: 3, configs: [{ name: "retention.ms", value: "1" }] }),
    ]);
    const again = await openCluster({ store: first.store });
    const image = await again.cluster.image(-1);
    expect(image).toEqual(one.cluster.image);
    expect(again.pushed).toEqual([]);
  });

  it("takes new brokers and configs at the next start, with a new version", async () => {
    const first = await openCluster({ brokerIds: [1] });
    const before = await first.cluster.image(-1);
    const again = await openCluster({ store: first.store, brokerIds: [1, 2], configs: { "num.partitions": "2" } });
    const after = await again.cluster.image(before?.version ?? 0);
    expect(after?.brokers.map((broker) => broker.id)).toEqual([1, 2]);
    expect(after?.staticBrokerConfigs).toEqual({ "num.partitions": "2" });
    expect(after?.clusterId).toBe(before?.clusterId);
    expect(await again.cluster.image(after?.version ?? 0)).toBeNull();
  });

  it("shows a change to nobody before it is durable", async () => {
    const { broker, cluster, store, pushed } = await openCluster({ brokerIds: [1, 2] });
    const one = await broker(1);
    const two = await broker(2);
    store.holdsBack = true;
    let isAnswered = false;
    const created = one.controller.createTopics([topic("a")]).then(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    expect(await cluster.image(one.cluster.image.version)).toBeNull();
    expect((await two.controller.refresh()).topics).toEqual([]);
    const pushedBefore = pushed.length;
    store.release();
    await created;
    expect(one.cluster.topicByName("a")).toBeDefined();
    expect(pushed.slice(pushedBefore)).toMatchObject([{ askerId: 1, image: { topics: [{ name: "a" }] } }]);
    expect((await two.controller.refresh()).topics).toHaveLength(1);
  });

  it("asks to be started again when it can't store, and shows nothing of it", async () => {
    const { broker, cluster, store, pushed, fatal } = await openCluster();
    const one = await broker(1);
    const before = await cluster.image(-1);
    const pushedBefore = pushed.length;
    store.failure = new Error("the disk is full");
    await expect(one.controller.createTopics([topic("a")])).rejects.toThrow("the disk is full");
    expect(fatal).toEqual([store.failure]);
    expect(await cluster.image(-1)).toEqual(before);
    expect(pushed).toHaveLength(pushedBefore);
    store.failure = null;
    const again = await openCluster({ store });
    expect(await again.cluster.image(-1)).toEqual(before);
  });

  it("decides on what is stored already, also while a commit runs", async () => {
    const { broker, store } = await openCluster();
    const one = await broker(1);
    store.holdsBack = true;
    const both = Promise.all([one.controller.createTopics([topic("a")]), one.controller.createTopics([topic("a")])]);
    await new Promise((resolve) => setImmediate(resolve));
    store.release();
    const [[first], [second]] = await both;
    expect([first.errorCode, second.errorCode]).toEqual([0, 36]);
  });

  it("gives whoever is refused an image that holds what it was refused for", async () => {
    const { broker, store } = await openCluster({ brokerIds: [1, 2] });
    const [one, two] = [await broker(1), await broker(2)];
    store.holdsBack = true;
    const first = one.controller.createTopics([topic("a")]);
    const seen: unknown[] = [];
    const refused = [one, two].map(async (asker) => {
      const [outcome] = await asker.controller.createTopics([topic("a")]);
      seen.push([outcome.errorCode, asker.cluster.topicByName("a")?.name]);
    });
    const validated = two.controller.createTopics([topic("a")], { validateOnly: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    store.release();
    await Promise.all([first, ...refused]);
    expect(seen).toEqual([
      [36, "a"],
      [36, "a"],
    ]);
    expect((await validated)[0].errorCode).toBe(36);
  });

  it("tells nobody of a change that could not be stored", async () => {
    const { broker, store } = await openCluster();
    const one = await broker(1);
    store.holdsBack = true;
    const both = [one.controller.createTopics([topic("a")]), one.controller.createTopics([topic("a")])];
    await new Promise((resolve) => setImmediate(resolve));
    store.fail(new Error("the disk is full"));
    expect((await Promise.allSettled(both)).map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
  });

  it("gives the asker a newer image even when nothing changed", async () => {
    const { broker } = await openCluster({ brokerIds: [1, 2] });
    const [one, two] = [await broker(1), await broker(2)];
    await one.controller.createTopics([topic("a")]);
    expect(two.cluster.topicByName("a")).toBeUndefined();
    const [outcome] = await two.controller.createTopics([topic("a")]);
    expect(outcome.errorCode).toBe(36);
    expect(two.cluster.topicByName("a")).toEqual(one.cluster.topicByName("a"));
  });

  it("hands out blocks of producer ids that never repeat", async () => {
    const first = await openCluster();
    const one = await first.broker(1);
    const blocks = [await one.controller.allocateProducerIds(), await one.controller.allocateProducerIds()];
    const again = await (await openCluster({ store: first.store })).broker(1);
    blocks.push(await again.controller.allocateProducerIds());
    expect(blocks).toEqual([0, 1000, 2000].map((firstProducerId) => ({ firstProducerId, count: 1000 })));
  });

  it("stores a topic of ten thousand partitions well below the size of a row", async () => {
    const { broker, store } = await openCluster({ brokerIds: [1, 2, 3] });
    const one = await broker(1);
    await one.controller.createTopics([topic("a", { numPartitions: 9_999, replicationFactor: 1 })]);
    const row = [...store.rows].find(([key]) => key.startsWith("topic/"));
    expect(row?.[1].length).toBeLessThan(1_000_000);
  });

  it("knows which topics are internal, and how they are made", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    const names = ["__consumer_offsets", "__transaction_state", "__share_group_state", "__other"];
    await one.controller.createTopics(names.map((name) => autoCreatedTopic(one.cluster.image, 1, name)));
    const made = one.cluster.image.topics;
    expect(made.map(({ name, isInternal, partitions }) => [name, isInternal, partitions.length])).toEqual([
      ["__consumer_offsets", true, 50],
      ["__other", false, 1],
      ["__share_group_state", true, 50],
      ["__transaction_state", true, 50],
    ]);
    expect(one.cluster.topicByName("__consumer_offsets")?.configs).toEqual({
      "cleanup.policy": "compact",
      "compression.type": "producer",
      "segment.bytes": "4194304",
    });
  });
});

type Command = (broker: TestBroker) => Promise<unknown>;

const names = fc.constantFrom("a", "b", "c", "a.b", "a_b", "__consumer_offsets");
const assignments = fc.option(
  fc.array(fc.record({ brokerIds: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }) })),
);
const config = fc.record({
  name: fc.constantFrom("retention.ms", "cleanup.policy", "message.max.bytes", "nonsense"),
  configOperation: fc.integer({ min: 0, max: 4 }),
  value: fc.option(fc.constantFrom("1", "-9", "compact", "delete,compact")),
});
const resource = fc.oneof(
  fc.record({ resourceType: fc.constant(ConfigResourceType.TOPIC), resourceName: names }),
  fc.record({ resourceType: fc.constant(ConfigResourceType.BROKER), resourceName: fc.constantFrom("", "1", "2", "9") }),
);
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc
    .array(
      fc.record({
        name: names,
        numPartitions: fc.integer({ min: -2, max: 5 }),
        replicationFactor: fc.integer({ min: -1, max: 4 }),
      }),
    )
    .map(
      (topics): Command =>
        (one) =>
          one.controller.createTopics(topics.map(({ name, ...more }) => topic(name, more))),
    ),
  fc.array(names).map(
    (given): Command =>
      (one) =>
        one.controller.deleteTopics(given.map((name) => ({ name, topicId: ZERO_UUID }))),
  ),
  names.map(
    (name): Command =>
      (one) => {
        const topicId = one.cluster.topicByName(name)?.topicId ?? ZERO_UUID;
        return one.controller.deleteTopics([{ name: null, topicId }]);
      },
  ),
  fc.array(fc.record({ name: names, count: fc.integer({ min: -1, max: 9 }), assignments })).map(
    (topics): Command =>
      (one) =>
        one.controller.createPartitions(topics),
  ),
  fc.array(fc.record({ resource, configs: fc.array(config, { maxLength: 3 }) })).map(
    (list): Command =>
      (one) =>
        one.controller.alterConfigs(list.map((item) => ({ ...item.resource, configs: item.configs }))),
  ),
  fc.constant((one: TestBroker) => one.controller.allocateProducerIds()),
);

describe("replay", () => {
  it("gives the state back after any commands, and every broker sees the same", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(commands, { maxLength: 12 }), async (list) => {
        const running = await openCluster({ brokerIds: [1, 2, 3] });
        const one = await running.broker(1);
        for (const run of list) await run(one);
        const restarted = await openCluster({ store: running.store, brokerIds: [1, 2, 3] });
        const image = await restarted.cluster.image(-1);
        expect(image).toEqual(await running.cluster.image(-1));
        expect(image).toEqual(one.cluster.image);
        // What the restarted cluster decides next is what the running one would have decided.
        const again = await restarted.broker(1);
        const next = [topic("a-b"), topic("a.b"), topic("x", { numPartitions: 5, replicationFactor: 2 })];
        const strip = (outcomes: readonly object[]) => outcomes.map((outcome) => ({ ...outcome, topicId: "" }));
        expect(strip(await again.controller.createTopics(next))).toEqual(
          strip(await one.controller.createTopics(next)),
        );
        expect(await again.controller.allocateProducerIds()).toEqual(await one.controller.allocateProducerIds());
      }),
      { numRuns: 150 },
    );
  });
});

describe("what the operator says", () => {
  it("reads brokers", () => {
    expect(parseBrokers("1@127.0.0.1:9092")).toEqual([{ id: 1, host: "127.0.0.1", port: 9092, rack: null }]);
    expect(parseBrokers("2@kafka.example:19092/eu-west, 10@[::1]:9093")).toEqual([
      { id: 2, host: "kafka.example", port: 19092, rack: "eu-west" },
      { id: 10, host: "::1", port: 9093, rack: null },
    ]);
  });

  it.each(["", "127.0.0.1:9092", "1@host", "1@host:99999", "x@host:1", "1@a:1,1@b:2", "-1@a:1"])(
    "refuses %j",
    (text) => {
      expect(() => parseBrokers(text)).toThrow("KEDGE_BROKERS");
    },
  );

  it("reads configs", () => {
    expect(parseStaticConfigs("")).toEqual({});
    expect(parseStaticConfigs("num.partitions=3; log.cleanup.policy = compact,delete ;")).toEqual({
      "num.partitions": "3",
      "log.cleanup.policy": "compact,delete",
    });
  });

  it.each([
    ["num.partitions", "'num.partitions' is not of the form name=value"],
    ["no.such=1", "there is no broker config 'no.such'"],
    ["=1", "there is no broker config ''"],
    ["num.partitions=x", "num.partitions: 'x' is not of type INT (a whole number of 32 bits)"],
    ["delete.topic.enable=yes", "delete.topic.enable: 'yes' is not of type BOOLEAN (true or false)"],
    ["num.partitions=3;num.partitions=0", "num.partitions: '0' is below 1"],
  ])("refuses the configs %j and says what is wrong", (text, problem) => {
    expect(() => parseStaticConfigs(text)).toThrow(/^KEDGE_CONFIGS: /);
    expect(() => parseStaticConfigs(text)).toThrow(problem);
  });
});
