import { describe, expect, it } from "vitest";
import { describeConfigs } from "#broker/handlers/32-describe-configs.ts";
import { alterConfigs } from "#broker/handlers/33-alter-configs.ts";
import { incrementalAlterConfigs } from "#broker/handlers/44-incremental-alter-configs.ts";
import { BROKER_CONFIGS } from "#cluster/broker-configs.ts";
import { TOPIC_CONFIGS } from "#cluster/topic-configs.ts";
import { ConfigOperation, ConfigResourceType } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { DescribeConfigsRequest, DescribeConfigsResponse } from "#protocol/messages/32-describe-configs.ts";
import { AlterConfigsRequest, AlterConfigsResponse } from "#protocol/messages/33-alter-configs.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import { openCluster, type TestBroker, topic } from "../cluster/setup.ts";
import { ask, versionsOf } from "./cluster-broker.ts";

const DESCRIBE = { handler: describeConfigs, request: DescribeConfigsRequest, response: DescribeConfigsResponse };
const ALTER = { handler: alterConfigs, request: AlterConfigsRequest, response: AlterConfigsResponse };
const INCREMENTAL = {
  handler: incrementalAlterConfigs,
  request: IncrementalAlterConfigsRequest,
  response: IncrementalAlterConfigsResponse,
};
const { TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP } = ConfigResourceType;
const FIRST_VERSION_WITH_TYPES = 3;

async function twoBrokers(): Promise<{ one: TestBroker; two: TestBroker }> {
  const { broker } = await openCluster({ brokerIds: [1, 2] });
  const [one, two] = [await broker(1), await broker(2)];
  await one.controller.createTopics([topic("a", { configs: [{ name: "max.message.bytes", value: "7" }] })]);
  return { one, two };
}

async function describeOne(
  one: TestBroker,
  resourceType: number,
  resourceName: string,
  keys: readonly string[] | null = null,
) {
  const resources = [{ resourceType, resourceName, configurationKeys: keys }];
  const { results } = await ask(one, DESCRIBE, 4, { resources, includeSynonyms: true });
  return results[0];
}

describe("DescribeConfigs", () => {
  it.each(versionsOf(describeConfigs))("v%i shows a topic's configs and where they come from", async (version) => {
    const { one } = await twoBrokers();
    const response = await ask(one, DESCRIBE, version, {
      resources: [{ resourceType: TOPIC, resourceName: "a", configurationKeys: ["max.message.bytes", "no.such"] }],
      includeSynonyms: true,
      includeDocumentation: version >= FIRST_VERSION_WITH_TYPES,
    });
    const [result] = response.results;
    expect(result).toMatchObject({ errorCode: 0, errorMessage: null, resourceType: TOPIC, resourceName: "a" });
    const [config] = result.configs;
    expect(result.configs).toHaveLength(1);
    expect(config).toMatchObject({
      name: "max.message.bytes",
      value: "7",
      readOnly: false,
      configSource: 1,
      isSensitive: false,
      synonyms: [
        { name: "max.message.bytes", value: "7", source: 1 },
        { name: "message.max.bytes", value: "1048588", source: 5 },
      ],
      configType: version >= FIRST_VERSION_WITH_TYPES ? 3 : 0,
    });
    if (version >= FIRST_VERSION_WITH_TYPES) expect(config.documentation).toContain("largest record batch");
  });

  it("shows all configs for no keys and for an empty list, and neither synonyms nor documentation unasked", async () => {
    const { one } = await twoBrokers();
    for (const configurationKeys of [null, []]) {
      const resources = [{ resourceType: TOPIC, resourceName: "a", configurationKeys }];
      const { results } = await ask(one, DESCRIBE, 4, { resources });
      expect(results[0].configs.map((config) => config.name)).toEqual(TOPIC_CONFIGS.map((config) => config.name));
      expect(results[0].configs.every((config) => config.synonyms.length === 0 && config.documentation === null)).toBe(
        true,
      );
    }
  });

  it("shows this broker's configs", async () => {
    const { one } = await twoBrokers();
    const result = await describeOne(one, BROKER, "1");
    expect(result.configs.map((config) => config.name)).toEqual(BROKER_CONFIGS.map((config) => config.name));
    const byName = new Map(result.configs.map((config) => [config.name, config]));
    expect(byName.get("node.id")).toMatchObject({ value: "1", configSource: 4, readOnly: true });
    expect(byName.get("message.max.bytes")).toMatchObject({ value: "1048588", configSource: 5, readOnly: false });
    expect(byName.get("log.retention.ms")).toMatchObject({ value: null, configSource: 5, synonyms: [] });
  });

  it.each([
    { title: "another broker", type: BROKER, name: "2", error: "INVALID_REQUEST" },
    { title: "no broker's id", type: BROKER, name: "x", error: "INVALID_REQUEST" },
    { title: "all brokers", type: BROKER, name: "", error: "NONE" },
    { title: "an unknown topic", type: TOPIC, name: "no", error: "UNKNOWN_TOPIC_OR_PARTITION" },
    { title: "an illegal topic", type: TOPIC, name: "n/o", error: "INVALID_TOPIC_EXCEPTION" },
    { title: "an empty topic", type: TOPIC, name: "", error: "INVALID_TOPIC_EXCEPTION" },
    { title: "own loggers", type: BROKER_LOGGER, name: "1", error: "NONE" },
    { title: "another's loggers", type: BROKER_LOGGER, name: "2", error: "INVALID_REQUEST" },
    { title: "client metrics", type: CLIENT_METRICS, name: "s", error: "NONE" },
    { title: "nameless client metrics", type: CLIENT_METRICS, name: "", error: "INVALID_REQUEST" },
    { title: "a nameless group", type: GROUP, name: "", error: "INVALID_REQUEST" },
    { title: "an unknown type", type: 77, name: "x", error: "INVALID_REQUEST" },
  ] as const)("$title: $error", async ({ type, name, error }) => {
    const { one } = await twoBrokers();
    const result = await describeOne(one, type, name);
    expect(result).toMatchObject({ errorCode: ErrorCode[error], resourceType: type, resourceName: name, configs: [] });
  });

  it("describes a resource once, however often it is named", async () => {
    const { one } = await twoBrokers();
    const again = [
      { resourceType: TOPIC, resourceName: "a", configurationKeys: null },
      { resourceType: BROKER, resourceName: "1", configurationKeys: null },
      { resourceType: TOPIC, resourceName: "no", configurationKeys: null },
    ];
    const resources = Array.from({ length: 3_000 }, (_, i) => again[i % again.length]);
    const { results } = await ask(one, DESCRIBE, 4, { resources, includeSynonyms: true, includeDocumentation: true });
    expect(results.map(({ resourceName, errorCode }) => [resourceName, errorCode])).toEqual([
      ["a", 0],
      ["1", 0],
      ["no", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
  });

  it("refuses what an answer has no room for", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    const names = Array.from({ length: 1_500 }, (_, i) => `t${i}`);
    await one.controller.createTopics(names.map((name) => topic(name)));
    const resources = names.map((name) => ({ resourceType: TOPIC, resourceName: name, configurationKeys: null }));
    const described = async (more: object) => {
      const { results } = await ask(one, DESCRIBE, 4, { resources, ...more });
      return results.filter((result) => result.errorCode === 0).length;
    };
    expect(await described({})).toBe(1_500);
    const withAll = await described({ includeSynonyms: true, includeDocumentation: true });
    expect(withAll).toBeGreaterThan(500);
    expect(withAll).toBeLessThan(1_500);
  });

  it("shows for all brokers what was set for all brokers", async () => {
    const { one } = await twoBrokers();
    const set = (name: string, value: string) => ({ name, configOperation: ConfigOperation.SET, value });
    await one.controller.alterConfigs([
      { resourceType: BROKER, resourceName: "", configs: [set("message.max.bytes", "9")] },
      { resourceType: BROKER, resourceName: "1", configs: [set("log.segment.bytes", "1048576")] },
    ]);
    const { configs } = await describeOne(one, BROKER, "");
    expect(configs).toMatchObject([
      {
        name: "message.max.bytes",
        value: "9",
        configSource: 3,
        synonyms: [{ name: "message.max.bytes", value: "9", source: 3 }],
      },
    ]);
    const own = await describeOne(one, BROKER, "1", ["log.segment.bytes"]);
    expect(own.configs[0].synonyms.map((synonym) => synonym.source)).toEqual([2, 5]);
  });
});

describe("limits", () => {
  it("keep what a client said from coming back in full", async () => {
    const { one } = await twoBrokers();
    const long = "x".repeat(32_767);
    const change = (resourceType: number, resourceName: string, name: string, value: string) => ({
      resourceType,
      resourceName,
      configs: [{ name, configOperation: ConfigOperation.SET, value }],
    });
    const resources = [
      change(TOPIC, "a", long, "1"),
      change(TOPIC, "a", "retention.ms", long),
      change(TOPIC, "a", "cleanup.policy", long),
      change(TOPIC, long, "retention.ms", "1"),
      change(BROKER, long, "message.max.bytes", "1"),
      change(BROKER, "1", long, "1"),
    ];
    for (const resource of resources) {
      const { responses } = await ask(one, INCREMENTAL, 0, { resources: [resource] });
      expect(responses[0].errorCode).not.toBe(0);
      expect(responses[0].errorMessage?.length).toBeLessThan(1_000);
    }
    expect((await describeOne(one, BROKER, long)).errorMessage?.length).toBeLessThan(1_000);
  });
});

describe("IncrementalAlterConfigs", () => {
  it.each(versionsOf(incrementalAlterConfigs))(
    "v%i changes topics, its own broker and all brokers",
    async (version) => {
      const { one } = await twoBrokers();
      const change = (resourceType: number, resourceName: string, name: string) => ({
        resourceType,
        resourceName,
        configs: [{ name, configOperation: ConfigOperation.SET, value: "2000000" }],
      });
      const response = await ask(one, INCREMENTAL, version, {
        resources: [
          change(BROKER, "2", "message.max.bytes"),
          change(TOPIC, "a", "segment.bytes"),
          change(BROKER, "x", "message.max.bytes"),
          change(BROKER, "1", "message.max.bytes"),
          change(TOPIC, "no", "segment.bytes"),
          change(BROKER, "", "log.segment.bytes"),
        ],
      });
      expect(response.responses.map(({ resourceName, errorCode }) => [resourceName, errorCode])).toEqual([
        ["2", ErrorCode.INVALID_REQUEST],
        ["a", 0],
        ["x", ErrorCode.INVALID_REQUEST],
        ["1", 0],
        ["no", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ["", 0],
      ]);
      expect(response.responses.map((answer) => answer.errorMessage === null)).toEqual([
        false,
        true,
        false,
        true,
        false,
        true,
      ]);
      expect(one.cluster.topicByName("a")?.configs).toEqual({ "max.message.bytes": "7", "segment.bytes": "2000000" });
      expect(one.cluster.image.brokerConfigs).toEqual({ 1: { "message.max.bytes": "2000000" } });
      expect(one.cluster.image.defaultBrokerConfigs).toEqual({ "log.segment.bytes": "2000000" });
    },
  );

  it("only validates when it is asked to", async () => {
    const { one } = await twoBrokers();
    const configs = [{ name: "segment.bytes", configOperation: ConfigOperation.SET, value: "2000000" }];
    const resources = [{ resourceType: TOPIC, resourceName: "a", configs }];
    const response = await ask(one, INCREMENTAL, 1, { resources, validateOnly: true });
    expect(response.responses[0].errorCode).toBe(0);
    expect(one.cluster.topicByName("a")?.configs).toEqual({ "max.message.bytes": "7" });
  });
});

describe("AlterConfigs", () => {
  it.each(versionsOf(alterConfigs))("v%i replaces all configs", async (version) => {
    const { one } = await twoBrokers();
    const configs = [{ name: "segment.bytes", value: "2000000" }];
    const response = await ask(one, ALTER, version, {
      resources: [{ resourceType: TOPIC, resourceName: "a", configs }],
    });
    expect(response.responses).toEqual([{ errorCode: 0, errorMessage: null, resourceType: TOPIC, resourceName: "a" }]);
    expect(one.cluster.topicByName("a")?.configs).toEqual({ "segment.bytes": "2000000" });
  });
});
