import { describe, expect, it } from "vitest";
import { BROKER_CONFIGS, brokerConfig } from "#cluster/broker-configs.ts";
import { type ConfigDefinition, longOf, parseConfigValue } from "#cluster/config-definition.ts";
import { ConfigSource, resolveBrokerConfig, resolveTopicConfig } from "#cluster/resolve-config.ts";
import { brokerSettings, topicLogConfig } from "#cluster/settings.ts";
import { TOPIC_CONFIGS, topicConfig } from "#cluster/topic-configs.ts";
import { checkTopicConfigs } from "#cluster/validate-configs.ts";
import type { ClusterImage, ConfigValues } from "#ports/controller.ts";
import { brokers } from "./setup.ts";

function image(more: Partial<ClusterImage> = {}): ClusterImage {
  return {
    clusterId: "c",
    version: 1,
    controllerId: 1,
    brokers: brokers(1, 2),
    topics: [],
    staticBrokerConfigs: {},
    defaultBrokerConfigs: {},
    brokerConfigs: {},
    groupConfigs: {},
    ...more,
  };
}

/** By config: values that are taken, with the spelling that they get, and values that are not. Facts of LogConfig in Kafka 4.4. */
const VALUES: Readonly<
  Record<string, { readonly good: Readonly<Record<string, string>>; readonly bad: readonly string[] }>
> = {
  "cleanup.policy": {
    good: { compact: "compact", " compact , delete ": "compact,delete", "": "", "compact,compact": "compact" },
    bad: ["foo", "compact,foo"],
  },
  "compression.gzip.level": { good: { "-1": "-1", "1": "1", "9": "9" }, bad: ["0", "10", "-2"] },
  "compression.lz4.level": { good: { "17": "17" }, bad: ["0", "18"] },
  "compression.type": {
    good: { producer: "producer", uncompressed: "uncompressed", zstd: "zstd" },
    bad: ["none", "lzma"],
  },
  "compression.zstd.level": { good: { "-131072": "-131072", "22": "22" }, bad: ["23"] },
  "delete.retention.ms": { good: { "0": "0" }, bad: ["-1"] },
  "errors.deadletterqueue.group.enable": { good: { TRUE: "true" }, bad: ["1"] },
  "file.delete.delay.ms": { good: { "0": "0" }, bad: ["-1"] },
  "flush.messages": { good: { "1": "1" }, bad: ["0"] },
  "flush.ms": { good: { "9223372036854775807": "9223372036854775807" }, bad: ["-1", "9223372036854775808"] },
  "follower.replication.throttled.replicas": {
    good: { "*": "*", "0:1,1:2": "0:1,1:2", "": "" },
    bad: ["x", "0", "0:1:2"],
  },
  "index.interval.bytes": { good: { "0": "0" }, bad: ["-1"] },
  "leader.replication.throttled.replicas": { good: { "0:1": "0:1" }, bad: ["*,0:1"] },
  "local.retention.bytes": { good: { "-2": "-2" }, bad: ["-3"] },
  "local.retention.ms": { good: { "-2": "-2" }, bad: ["-3"] },
  "max.compaction.lag.ms": { good: { "1": "1" }, bad: ["0"] },
  "max.decompressed.message.bytes": { good: { "1": "1" }, bad: ["0", "2147483640"] },
  "max.message.bytes": {
    good: { "0": "0", "+5": "5", " 7 ": "7", "007": "7" },
    bad: ["-1", "2147483648", "5.0", "", "1e3", "0x10"],
  },
  "message.timestamp.after.max.ms": { good: { "0": "0" }, bad: ["-1"] },
  "message.timestamp.before.max.ms": { good: { "0": "0" }, bad: ["-1"] },
  "message.timestamp.type": { good: { LogAppendTime: "LogAppendTime" }, bad: ["logappendtime", ""] },
  "min.cleanable.dirty.ratio": { good: { "0": "0.0", "1e-1": "0.1", "1": "1.0" }, bad: ["1.5", "-0.1", "x", "NaN"] },
  "min.compaction.lag.ms": { good: { "0": "0" }, bad: ["-1"] },
  "min.insync.replicas": { good: { "2": "2" }, bad: ["0"] },
  preallocate: { good: { TRUE: "true", false: "false" }, bad: ["yes", ""] },
  "remote.copy.lag.bytes": { good: { "-1": "-1" }, bad: ["-2"] },
  "remote.copy.lag.ms": { good: { "-1": "-1" }, bad: ["-2"] },
  "remote.log.copy.disable": { good: { false: "false" }, bad: ["0"] },
  "remote.log.delete.on.disable": { good: { false: "false" }, bad: ["0"] },
  "remote.storage.enable": { good: { false: "false" }, bad: ["0", "true"] },
  "retention.bytes": { good: { "-5": "-5" }, bad: ["9223372036854775808", "-9223372036854775809"] },
  "retention.ms": { good: { "-1": "-1" }, bad: ["-2", "abc"] },
  "segment.bytes": { good: { "1048576": "1048576" }, bad: ["1048575"] },
  "segment.index.bytes": { good: { "4": "4" }, bad: ["3"] },
  "segment.jitter.ms": { good: { "0": "0" }, bad: ["-1"] },
  "segment.ms": { good: { "1": "1" }, bad: ["0"] },
  "unclean.leader.election.enable": { good: { true: "true" }, bad: ["on"] },
};

describe("topic configs", () => {
  it("have cases, all of them", () => {
    expect(TOPIC_CONFIGS.map((config) => config.name)).toEqual(Object.keys(VALUES).sort());
  });

  it.each(Object.entries(VALUES))("%s", (name, { good, bad }) => {
    for (const [text, canonical] of Object.entries(good)) {
      const checked = checkTopicConfigs({ [name]: text });
      expect(checked, text).toEqual({ ok: true, configs: { [name]: canonical } });
      expect(checkTopicConfigs({ [name]: canonical }), canonical).toEqual(checked);
    }
    for (const text of bad) expect(checkTopicConfigs({ [name]: text }).ok, text).toBe(false);
  });

  it("name the config in what they say of a bad value", () => {
    const parsed = parseConfigValue(topicConfig("retention.ms") as ConfigDefinition, "soon");
    expect(parsed).toEqual({
      ok: false,
      problem: "Invalid value for config retention.ms: 'soon' is not of type LONG (a whole number of 64 bits).",
    });
  });

  it("must go together", () => {
    expect(checkTopicConfigs({ "min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5" }).ok).toBe(false);
    expect(checkTopicConfigs({ "min.compaction.lag.ms": "5", "max.compaction.lag.ms": "5" }).ok).toBe(true);
  });

  it("are known by their own names only", () => {
    for (const name of ["constructor", "__proto__", "toString", "RETENTION.MS", "message.format.version"]) {
      expect(checkTopicConfigs(Object.fromEntries([[name, "1"]])).ok, name).toBe(false);
    }
  });

  it("refuse a value without end unread", () => {
    expect(checkTopicConfigs({ "retention.ms": "1".repeat(40_000) }).ok).toBe(false);
    expect(checkTopicConfigs({ "retention.ms": "1".repeat(30_000) }).ok).toBe(false);
  });
});

describe("the tables", () => {
  it.each([...TOPIC_CONFIGS, ...BROKER_CONFIGS])(
    "$name: its default is a value of it, and it is described",
    (config) => {
      if (config.defaultValue !== null) {
        expect(parseConfigValue(config, config.defaultValue)).toEqual({ ok: true, value: config.defaultValue });
      }
      expect(config.documentation.length).toBeGreaterThan(10);
      if (config.effect.kind === "none") expect(config.effect.reason.length).toBeGreaterThan(10);
      for (const synonym of config.synonyms ?? []) expect(brokerConfig(synonym.name), synonym.name).toBeDefined();
    },
  );

  it("name everything once", () => {
    for (const table of [TOPIC_CONFIGS, BROKER_CONFIGS]) {
      expect(new Set(table.map((config) => config.name)).size).toBe(table.length);
    }
  });
});

describe("resolving", () => {
  const layersOf = (one: ClusterImage, overrides: ConfigValues, name: string) =>
    resolveTopicConfig(one, 1, overrides, name).layers.map((layer) => [layer.name, layer.value, layer.source]);

  it("puts the topic before the broker, the broker before all brokers, these before the start, and that before the default", () => {
    const full = image({
      staticBrokerConfigs: { "message.max.bytes": "4" },
      defaultBrokerConfigs: { "message.max.bytes": "3" },
      brokerConfigs: { 1: { "message.max.bytes": "2" } },
    });
    expect(layersOf(full, { "max.message.bytes": "1" }, "max.message.bytes")).toEqual([
      ["max.message.bytes", "1", ConfigSource.TOPIC],
      ["message.max.bytes", "2", ConfigSource.DYNAMIC_BROKER],
      ["message.max.bytes", "3", ConfigSource.DYNAMIC_DEFAULT_BROKER],
      ["message.max.bytes", "4", ConfigSource.STATIC_BROKER],
      ["message.max.bytes", "1048588", ConfigSource.DEFAULT],
    ]);
    expect(resolveTopicConfig(full, 1, {}, "max.message.bytes").value).toBe("2");
    expect(resolveTopicConfig(full, 2, {}, "max.message.bytes").value).toBe("3");
  });

  it("brings hours and minutes to milliseconds", () => {
    const retention = (one: ClusterImage) => resolveTopicConfig(one, 1, {}, "retention.ms").value;
    expect(retention(image())).toBe("604800000");
    expect(retention(image({ staticBrokerConfigs: { "log.retention.hours": "1" } }))).toBe("3600000");
    expect(
      retention(image({ staticBrokerConfigs: { "log.retention.minutes": "2", "log.retention.hours": "1" } })),
    ).toBe("120000");
    expect(retention(image({ staticBrokerConfigs: { "log.retention.minutes": "-1" } }))).toBe("-1");
    expect(retention(image({ defaultBrokerConfigs: { "log.retention.ms": "5" } }))).toBe("5");
    expect(layersOf(image(), {}, "retention.ms")).toEqual([]);
    expect(layersOf(image({ staticBrokerConfigs: { "log.retention.hours": "1" } }), {}, "retention.ms")).toEqual([
      ["log.retention.hours", "1", ConfigSource.STATIC_BROKER],
    ]);
  });

  it("has a default without a synonym", () => {
    expect(resolveTopicConfig(image(), 1, {}, "remote.storage.enable")).toMatchObject({
      value: "false",
      source: ConfigSource.DEFAULT,
      layers: [],
    });
  });

  it("knows how a broker was started", () => {
    expect(resolveBrokerConfig(image(), 2, "advertised.listeners")).toMatchObject({
      value: "PLAINTEXT://127.0.0.1:9093",
      source: ConfigSource.STATIC_BROKER,
    });
    expect(resolveBrokerConfig(image(), 1, "broker.rack").value).toBeNull();
    expect(resolveBrokerConfig(image(), 2, "broker.rack").value).toBe("even");
  });
});

describe("typed views", () => {
  it("of a topic for its log", () => {
    expect(topicLogConfig(image(), 1, { configs: {} })).toMatchObject({
      maxMessageBytes: 1_048_588,
      timestampType: "CreateTime",
      timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
      timestampAfterMaxMs: 3_600_000,
      compacted: false,
      deletes: true,
      compressionType: "producer",
      minInsyncReplicas: 1,
      retentionMs: 604_800_000,
      retentionBytes: -1,
      segmentBytes: 1_073_741_824,
      segmentMs: 604_800_000,
      deleteRetentionMs: 86_400_000,
      producerIdExpirationMs: 86_400_000,
      verifiesTransactions: true,
    });
    const configs = {
      "cleanup.policy": "compact",
      "message.timestamp.type": "LogAppendTime",
      "max.message.bytes": "10",
    };
    expect(topicLogConfig(image(), 1, { configs })).toMatchObject({
      compacted: true,
      deletes: false,
      timestampType: "LogAppendTime",
      maxMessageBytes: 10,
    });
  });

  it("of a broker", () => {
    const settings = brokerSettings(image({ staticBrokerConfigs: { "auto.create.topics.enable": "false" } }), 1);
    expect(settings).toMatchObject({ autoCreateTopicsEnable: false, numPartitions: 1, deleteTopicEnable: true });
    expect(settings.group.offsetsRetentionMs).toBe(604_800_000);
  });

  it("never leave the safe integers", () => {
    expect(longOf("9223372036854775807")).toBe(Number.MAX_SAFE_INTEGER);
    expect(longOf("-9223372036854775808")).toBe(Number.MIN_SAFE_INTEGER);
  });
});
