import { describe, expect, it } from "vitest";
import { type ConfigAlteration, ConfigOperation, ConfigResourceType } from "#ports/controller.ts";
import { type ErrorCode, errorName } from "#protocol/errors.ts";
import { openCluster, topic } from "./setup.ts";

const { SET, DELETE, APPEND, SUBTRACT } = ConfigOperation;
const { TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP } = ConfigResourceType;

type Change = readonly [name: string, configOperation: number, value: string | null];

function alteration(resourceType: number, resourceName: string, ...changes: readonly Change[]): ConfigAlteration {
  const configs = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }));
  return { resourceType, resourceName, configs };
}

interface Case {
  readonly title: string;
  readonly change: ConfigAlteration;
  readonly error: keyof typeof ErrorCode;
}

const CASES: readonly Case[] = [
  { title: "set", change: alteration(TOPIC, "a", ["retention.ms", SET, "1"]), error: "NONE" },
  { title: "unset", change: alteration(TOPIC, "a", ["retention.ms", DELETE, null]), error: "NONE" },
  { title: "append", change: alteration(TOPIC, "a", ["cleanup.policy", APPEND, "compact"]), error: "NONE" },
  { title: "nothing", change: alteration(TOPIC, "a"), error: "NONE" },
  { title: "set to null", change: alteration(TOPIC, "a", ["retention.ms", SET, null]), error: "INVALID_REQUEST" },
  { title: "append null", change: alteration(TOPIC, "a", ["cleanup.policy", APPEND, null]), error: "INVALID_REQUEST" },
  { title: "an unknown operation", change: alteration(TOPIC, "a", ["retention.ms", 4, "1"]), error: "INVALID_REQUEST" },
  {
    title: "a negative operation",
    change: alteration(TOPIC, "a", ["retention.ms", -1, "1"]),
    error: "INVALID_REQUEST",
  },
  {
    title: "a config twice",
    change: alteration(TOPIC, "a", ["retention.ms", SET, "1"], ["retention.ms", DELETE, null]),
    error: "INVALID_REQUEST",
  },
  {
    title: "append to a number",
    change: alteration(TOPIC, "a", ["retention.ms", APPEND, "1"]),
    error: "INVALID_CONFIG",
  },
  {
    title: "subtract from a number",
    change: alteration(TOPIC, "a", ["retention.ms", SUBTRACT, "1"]),
    error: "INVALID_CONFIG",
  },
  {
    title: "append what is none",
    change: alteration(TOPIC, "a", ["cleanup.policy", APPEND, "x"]),
    error: "INVALID_CONFIG",
  },
  { title: "an unknown config", change: alteration(TOPIC, "a", ["no.such", SET, "1"]), error: "INVALID_CONFIG" },
  {
    title: "a config of brokers",
    change: alteration(TOPIC, "a", ["message.max.bytes", SET, "1"]),
    error: "INVALID_CONFIG",
  },
  { title: "a bad value", change: alteration(TOPIC, "a", ["retention.ms", SET, "-2"]), error: "INVALID_CONFIG" },
  { title: "tiering", change: alteration(TOPIC, "a", ["remote.storage.enable", SET, "true"]), error: "INVALID_CONFIG" },
  {
    title: "an unknown topic",
    change: alteration(TOPIC, "no", ["retention.ms", SET, "1"]),
    error: "UNKNOWN_TOPIC_OR_PARTITION",
  },
  {
    title: "an unknown topic with a bad value",
    change: alteration(TOPIC, "no", ["retention.ms", SET, "x"]),
    error: "INVALID_CONFIG",
  },
  {
    title: "an illegal topic",
    change: alteration(TOPIC, "n/o", ["retention.ms", SET, "1"]),
    error: "INVALID_TOPIC_EXCEPTION",
  },
  { title: "all topics", change: alteration(TOPIC, "", ["retention.ms", SET, "1"]), error: "INVALID_REQUEST" },
  { title: "a broker", change: alteration(BROKER, "1", ["message.max.bytes", SET, "5"]), error: "NONE" },
  { title: "all brokers", change: alteration(BROKER, "", ["message.max.bytes", SET, "5"]), error: "NONE" },
  {
    title: "a broker that isn't",
    change: alteration(BROKER, "9", ["message.max.bytes", SET, "5"]),
    error: "INVALID_REQUEST",
  },
  {
    title: "no broker's id",
    change: alteration(BROKER, "x", ["message.max.bytes", SET, "5"]),
    error: "INVALID_REQUEST",
  },
  { title: "a read-only one", change: alteration(BROKER, "", ["num.partitions", SET, "5"]), error: "INVALID_REQUEST" },
  {
    title: "an unknown one of brokers",
    change: alteration(BROKER, "", ["no.such", SET, "5"]),
    error: "INVALID_REQUEST",
  },
  {
    title: "a bad one of brokers",
    change: alteration(BROKER, "", ["message.max.bytes", SET, "x"]),
    error: "INVALID_REQUEST",
  },
  { title: "loggers", change: alteration(BROKER_LOGGER, "1", ["root", SET, "INFO"]), error: "INVALID_REQUEST" },
  {
    title: "client metrics",
    change: alteration(CLIENT_METRICS, "s", ["interval.ms", SET, "1"]),
    error: "INVALID_REQUEST",
  },
  {
    title: "a value that a group may not have",
    change: alteration(GROUP, "g", ["consumer.session.timeout.ms", SET, "1"]),
    error: "INVALID_CONFIG",
  },
  { title: "an unknown resource type", change: alteration(77, "a", ["x", SET, "1"]), error: "INVALID_REQUEST" },
];

describe("altering configs", () => {
  it.each(CASES)("$title: $error", async ({ change, error }) => {
    const { broker, store } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a", { configs: [{ name: "segment.ms", value: "7" }] })]);
    const before = new Map(store.rows);
    const [outcome] = await one.controller.alterConfigs([change]);
    expect(errorName(outcome.errorCode)).toBe(error);
    expect(outcome).toMatchObject({ resourceType: change.resourceType, resourceName: change.resourceName });
    if (error !== "NONE") expect(store.rows).toEqual(before);
  });

  it("sets, appends, subtracts and unsets", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a")]);
    const alter = async (...changes: readonly Change[]) => {
      const [outcome] = await one.controller.alterConfigs([alteration(TOPIC, "a", ...changes)]);
      expect(errorName(outcome.errorCode)).toBe("NONE");
      return one.cluster.topicByName("a")?.configs;
    };
    expect(await alter(["retention.ms", SET, " 10 "])).toEqual({ "retention.ms": "10" });
    // The default is what is appended to.
    expect(await alter(["cleanup.policy", APPEND, "compact"])).toEqual({
      "cleanup.policy": "delete,compact",
      "retention.ms": "10",
    });
    expect(await alter(["cleanup.policy", SUBTRACT, "delete,other"], ["retention.ms", DELETE, null])).toEqual({
      "cleanup.policy": "compact",
    });
    expect(await alter(["cleanup.policy", DELETE, null])).toEqual({});
  });

  it("changes a resource as a whole or not at all, and each by itself", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a"), topic("b")]);
    const outcomes = await one.controller.alterConfigs([
      alteration(TOPIC, "a", ["retention.ms", SET, "1"], ["segment.ms", SET, "0"]),
      alteration(TOPIC, "b", ["retention.ms", SET, "1"]),
    ]);
    expect(outcomes.map((outcome) => errorName(outcome.errorCode))).toEqual(["INVALID_CONFIG", "NONE"]);
    expect(one.cluster.topicByName("a")?.configs).toEqual({});
    expect(one.cluster.topicByName("b")?.configs).toEqual({ "retention.ms": "1" });
  });

  it("refuses a resource that is named twice", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a")]);
    const change = alteration(TOPIC, "a", ["retention.ms", SET, "1"]);
    const outcomes = await one.controller.alterConfigs([change, change]);
    expect(outcomes.map((outcome) => errorName(outcome.errorCode))).toEqual(["INVALID_REQUEST", "INVALID_REQUEST"]);
  });

  it("keeps what holds for one broker and for all apart", async () => {
    const { broker } = await openCluster({ brokerIds: [1, 2] });
    const one = await broker(1);
    await one.controller.alterConfigs([
      alteration(BROKER, "", ["message.max.bytes", SET, "5"]),
      alteration(BROKER, "2", ["message.max.bytes", SET, "6"]),
    ]);
    expect(one.cluster.image.defaultBrokerConfigs).toEqual({ "message.max.bytes": "5" });
    expect(one.cluster.image.brokerConfigs).toEqual({ 2: { "message.max.bytes": "6" } });
    await one.controller.alterConfigs([alteration(BROKER, "2", ["message.max.bytes", DELETE, null])]);
    expect(one.cluster.image.brokerConfigs).toEqual({});
  });

  it("only validates when it is asked to", async () => {
    const { broker, store } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a")]);
    const before = new Map(store.rows);
    const [outcome] = await one.controller.alterConfigs([alteration(TOPIC, "a", ["retention.ms", SET, "1"])], {
      validateOnly: true,
    });
    expect(errorName(outcome.errorCode)).toBe("NONE");
    expect(store.rows).toEqual(before);
  });
});

describe("replacing configs", () => {
  it("unsets what isn't named", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a", { configs: [{ name: "segment.ms", value: "7" }] })]);
    const replace = (name: string, value: string | null) =>
      one.controller.replaceConfigs([{ resourceType: TOPIC, resourceName: "a", configs: [{ name, value }] }]);
    expect(errorName((await replace("retention.ms", "5"))[0].errorCode)).toBe("NONE");
    expect(one.cluster.topicByName("a")?.configs).toEqual({ "retention.ms": "5" });
    expect(errorName((await replace("retention.ms", null))[0].errorCode)).toBe("INVALID_REQUEST");
    expect(errorName((await replace("retention.ms", "x"))[0].errorCode)).toBe("INVALID_CONFIG");
    expect(one.cluster.topicByName("a")?.configs).toEqual({ "retention.ms": "5" });
  });
});
