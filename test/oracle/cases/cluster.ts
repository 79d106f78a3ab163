import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { createTopic } from "./setup.ts";

const UNKNOWN_ID = "unknownunknownunknowng";
const TOPIC = 2;
const BROKER = 4;

interface NewTopic {
  readonly name: string;
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly assignments?: readonly { partitionIndex: number; brokerIds: number[] }[];
  readonly configs?: readonly { name: string; value: string | null }[];
}

export async function topicCases(session: Session): Promise<void> {
  session.begin("topics");
  const topic = (name: string, rest: Omit<NewTopic, "name"> = {}) => ({
    name: session.topic(name),
    numPartitions: 1,
    replicationFactor: 1,
    ...rest,
  });
  const create = async (what: string, version: number, topics: NewTopic[], validateOnly = true) => {
    const answer = await session.tell(m.CreateTopics, version, { timeoutMs: 10_000, validateOnly, topics });
    for (const { topicId, name } of answer.topics) session.call("topicId", topicId, `id of ${name}`);
    session.note(`${what} v${version}`, answer);
  };
  const odd = [
    { name: "cleanup.policy", value: " compact , delete " },
    { name: "min.cleanable.dirty.ratio", value: "1" },
  ];
  await create("create", 7, [topic("a", { numPartitions: 2 }), topic("x.y"), topic("l", { configs: odd })], false);
  await createTopic(session, "settled");
  for (let version = 2; version <= 7; version++) await create("validate", version, [topic("f")]);
  await create("amiss", 7, [
    topic("a"),
    topic("x_y"),
    topic("b", { numPartitions: 0 }),
    topic("c", { replicationFactor: 0 }),
    topic("d", { replicationFactor: 2 }),
    topic("e", { configs: [{ name: "nope", value: "1" }] }),
    topic("f/"),
    topic("g", { configs: [{ name: "retention.ms", value: null }] }),
    topic("g2", { configs: [{ name: "retention.ms", value: "soon" }] }),
    topic("h", { numPartitions: -2 }),
    topic("twice"),
    topic("twice"),
    { ...topic(""), name: "" },
    { ...topic(""), name: "." },
    { ...topic(""), name: ".." },
    { ...topic(""), name: "n".repeat(250) },
    topic("i", { replicationFactor: -2 }),
  ]);
  const by = (...brokerIds: number[]) => ({
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds }],
  });
  await create("assignments", 7, [
    topic("b1", { ...by(1), numPartitions: 1 }),
    topic("b2", by(1)),
    topic("b3", { ...by(), assignments: [{ partitionIndex: 1, brokerIds: [1] }] }),
    topic("b4", by(9)),
    topic("b5", by(1, 1)),
    topic("b6", by()),
  ]);
  await metadataCases(session);
  await growthCases(session);
  await deletionCases(session);
}

async function metadataCases(session: Session): Promise<void> {
  for (let version = 0; version <= 13; version++) {
    const options = {
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: true,
      includeClusterAuthorizedOperations: true,
    };
    const ask = async (what: string, topics: { name?: string | null; topicId?: string }[]) => {
      const answer = await session.tell(m.Metadata, version, { topics, ...options });
      if (answer.clusterId) session.call("clusterId", answer.clusterId, "the cluster");
      session.note(`${what} v${version}`, answer);
    };
    await ask("metadata", [{ name: session.topic("a") }, { name: session.topic("nope/") }]);
    if (version > 0) await ask("metadata of none", []);
    if (version >= 4) await ask("metadata of the unknown", [{ name: session.topic("unknown") }]);
    if (version >= 12) await ask("metadata of an unknown id", [{ name: null, topicId: UNKNOWN_ID }]);
    if (version >= 10) await ask("metadata twice", [{ name: session.topic("a") }, { name: session.topic("a") }]);
    await ask("metadata of an empty name", [{ name: "" }]);
  }
  for (const version of [0, 1, 2]) {
    const types = version === 0 ? [1] : [0, 1, 2, 3];
    for (const endpointType of types) {
      const answer = await session.tell(m.DescribeCluster, version, {
        includeClusterAuthorizedOperations: true,
        endpointType,
      });
      session.call("clusterId", answer.clusterId, "the cluster");
      session.note(`cluster ${endpointType} v${version}`, answer);
    }
  }
  const names = (...topics: string[]) => topics.map((name) => ({ name: session.topic(name) }));
  const describe = (what: string, draft: object) => session.ask(what, m.DescribeTopicPartitions, 0, draft);
  await describe("describe", { topics: names("a", "zz", "b/") });
  for (const limit of [0, 1, 2, 3])
    await describe(`describe ${limit}`, { topics: names("a", "x.y"), responsePartitionLimit: limit });
  for (const [topicName, partitionIndex] of [
    ["a", 1],
    ["a", 9],
    ["b", 0],
    ["a", -1],
  ] as const) {
    const cursor = { topicName: session.topic(topicName), partitionIndex };
    await describe(`describe from ${topicName} ${partitionIndex}`, { topics: names("a", "x.y"), cursor });
  }
}

async function growthCases(session: Session): Promise<void> {
  const grow = (
    what: string,
    version: number,
    topics: { name: string; count: number; assignments?: object[] | null }[],
    validateOnly = true,
  ) =>
    session.ask(what, m.CreatePartitions, version, {
      timeoutMs: 10_000,
      validateOnly,
      topics: topics.map((topic) => ({ assignments: null, ...topic, name: session.topic(topic.name) })),
    });
  for (let version = 0; version <= 3; version++) {
    await grow("grow", version, [{ name: "l", count: 2 + version }], false);
    await grow("grow amiss", version, [
      { name: "a", count: 2 },
      { name: "x.y", count: 0 },
      { name: "zz", count: 2 },
      { name: "settled", count: 3, assignments: [{ brokerIds: [1] }] },
    ]);
  }
  await grow("grow twice", 3, [
    { name: "a", count: 3 },
    { name: "a", count: 4 },
  ]);
  await grow("grow on an unknown broker", 3, [{ name: "a", count: 3, assignments: [{ brokerIds: [5] }] }]);
  await grow("grow on no broker", 3, [{ name: "a", count: 3, assignments: [] }]);
}

async function deletionCases(session: Session): Promise<void> {
  await session.ask("delete", m.DeleteTopics, 6, {
    timeoutMs: 10_000,
    topics: [{ name: session.topic("zz") }, { name: null, topicId: UNKNOWN_ID }, { name: session.topic("x.y") }],
  });
  for (let version = 1; version <= 5; version++) {
    await createTopic(session, `deleted-${version}`);
    const topicNames = [session.topic(`deleted-${version}`), session.topic("zz")];
    await session.ask("delete", m.DeleteTopics, version, { timeoutMs: 10_000, topicNames });
  }
}

export async function configCases(session: Session): Promise<void> {
  session.begin("configs");
  await createTopic(session, "configured", 1, { "retention.ms": "1234567", "cleanup.policy": "compact,delete" });
  const resource = (resourceType: number, resourceName: string, configurationKeys: string[] | null = null) => ({
    resourceType,
    resourceName,
    configurationKeys,
  });
  const keys = ["cleanup.policy", "preallocate", "retention.ms", "segment.ms", "flush.ms", "max.message.bytes", "nope"];
  for (let version = 1; version <= 4; version++) {
    for (const includeSynonyms of [false, true]) {
      await session.ask(`describe ${includeSynonyms}`, m.DescribeConfigs, version, {
        resources: [resource(TOPIC, session.topic("configured"), keys)],
        includeSynonyms,
      });
    }
    const all = await session.tell(m.DescribeConfigs, version, {
      resources: [resource(TOPIC, session.topic("configured"))],
    });
    session.note(
      `all names v${version}`,
      all.results[0].configs.map(({ name, value }) => ({ name, value })),
    );
    await session.ask("describe amiss", m.DescribeConfigs, version, {
      resources: [
        resource(TOPIC, session.topic("zz")),
        resource(TOPIC, "n/"),
        resource(TOPIC, ""),
        resource(BROKER, "2"),
        resource(BROKER, "x"),
      ],
    });
  }
  await alterationCases(session);
}

async function alterationCases(session: Session): Promise<void> {
  const alter = (
    what: string,
    [type, name]: readonly [number, string],
    ...configs: readonly (readonly [string, number, string | null])[]
  ) =>
    session.ask(`alter ${what}`, m.IncrementalAlterConfigs, 1, {
      validateOnly: false,
      resources: [
        {
          resourceType: type,
          resourceName: name,
          configs: configs.map(([config, configOperation, value]) => ({ name: config, configOperation, value })),
        },
      ],
    });
  const topic = [TOPIC, session.topic("configured")] as const;
  const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];
  await alter("set", topic, ["retention.ms", SET, "5000000"], ["max.message.bytes", SET, "1000"]);
  await alter("subtract", topic, ["cleanup.policy", SUBTRACT, "compact"]);
  await alter("append", topic, ["cleanup.policy", APPEND, "compact"]);
  await alter("append again", topic, ["cleanup.policy", APPEND, "compact"]);
  await alter("delete", topic, ["retention.ms", DELETE, null]);
  await alter("delete what isn't set", topic, ["segment.ms", DELETE, null]);
  await alter("set null", topic, ["retention.ms", SET, null]);
  await alter("append to a number", topic, ["retention.ms", APPEND, "5"]);
  await alter("append nonsense", topic, ["cleanup.policy", APPEND, "x"]);
  await alter("append to the unknown", topic, ["nope", APPEND, "x"]);
  await alter("delete the unknown", topic, ["nope", DELETE, null]);
  await alter("set the unknown", topic, ["nope", SET, "1"]);
  await alter("out of bounds", topic, ["min.insync.replicas", SET, "0"]);
  await alter("not a number", topic, ["segment.ms", SET, "soon"]);
  await alter("the same twice", topic, ["retention.ms", SET, "5"], ["retention.ms", DELETE, null]);
  await alter("no topic", [TOPIC, session.topic("zz")], ["retention.ms", SET, "5"]);
  await alter("an illegal topic", [TOPIC, "n/"], ["retention.ms", SET, "5"]);
  await alter("a nameless topic", [TOPIC, ""], ["retention.ms", SET, "5"]);
  await alter("another broker", [BROKER, "2"], ["message.max.bytes", SET, "1048588"]);
  await alter("no broker", [BROKER, "x"], ["message.max.bytes", SET, "1048588"]);
  await alter("read-only", [BROKER, ""], ["num.partitions", SET, "5"]);
  await alter("broker nonsense", [BROKER, ""], ["message.max.bytes", SET, "x"]);
  const change = { resourceType: TOPIC, resourceName: session.topic("configured"), configs: [] };
  await session.ask("a resource twice", m.IncrementalAlterConfigs, 1, {
    validateOnly: true,
    resources: [change, change, change],
  });
  await session.ask("after all", m.DescribeConfigs, 4, {
    resources: [
      {
        resourceType: TOPIC,
        resourceName: session.topic("configured"),
        configurationKeys: ["retention.ms", "cleanup.policy", "max.message.bytes", "segment.ms"],
      },
    ],
  });
}
