/**
 * DescribeConfigs, 1–4: the configs of topics, of groups and of this broker, with where each value comes from.
 *
 * A broker answers for itself; with an empty name, for the defaults that were set for all brokers. There are no loggers and
 * no client metrics subscriptions, so these lists are empty. A group has configs whether or not it is there. Departures from Kafka: a
 * resource that is named twice is described once, and an answer that would grow too large refuses the resources behind the limit.
 */
import { brokerIdOf } from "#cluster/alter-configs.ts";
import { BROKER_CONFIGS } from "#cluster/broker-configs.ts";
import { CONFIG_TYPE_ID, type ConfigDefinition } from "#cluster/config-definition.ts";
import { GROUP_CONFIGS } from "#cluster/group-configs.ts";
import { quoted } from "#cluster/limits.ts";
import {
  ConfigSource,
  ownValue,
  type ResolvedConfig,
  resolveBrokerConfig,
  resolveGroupConfig,
  resolveTopicConfig,
} from "#cluster/resolve-config.ts";
import { TOPIC_CONFIGS } from "#cluster/topic-configs.ts";
import { topicNameProblem } from "#cluster/topic-names.ts";
import { ConfigResourceType } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { DescribeConfigsRequest, DescribeConfigsResponse } from "#protocol/messages/32-describe-configs.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";

type Resource = DescribeConfigsRequest["resources"][number];
type Config = DescribeConfigsResponse["results"][number]["configs"][number];

/**
 * Four thousand topics with all their configs, some fifty bytes each; a short request could otherwise ask for gigabytes. Synonyms
 * count as configs, and documentation as two.
 */
const MAX_CONFIGS_PER_ANSWER = 150_000;
const CONFIGS_PER_DOCUMENTATION = 2;

/** What a resource has, or why it can't be described. */
type Described =
  | { readonly configs: readonly ResolvedConfig[] }
  | { readonly errorCode: ErrorCode; readonly errorMessage: string | null };

export const describeConfigs = handler({
  request: DescribeConfigsRequest,
  response: DescribeConfigsResponse,
  min: 1,
  max: 4,
  async handle({ broker }, request) {
    if (request.resources.some((resource) => isUnknownTopic(broker, resource))) await broker.controller.refresh();
    let room = MAX_CONFIGS_PER_ANSWER;
    return {
      results: distinct(request.resources).map((resource) => {
        const { resourceType, resourceName } = resource;
        const described =
          room > 0 ? describe(broker, resource) : invalid("The answer is full: ask for fewer resources.");
        if ("errorCode" in described) return { ...described, resourceType, resourceName, configs: [] };
        const configs = described.configs.map((config) => entry(resourceType, config, request));
        for (const { synonyms } of configs) {
          room -= 1 + synonyms.length + (request.includeDocumentation ? CONFIGS_PER_DOCUMENTATION : 0);
        }
        return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName, configs };
      }),
    };
  },
});

function distinct(resources: readonly Resource[]): Resource[] {
  const byKey = new Map<string, Resource>();
  for (const resource of resources) {
    const key = `${resource.resourceType}/${resource.resourceName}`;
    if (!byKey.has(key)) byKey.set(key, resource);
  }
  return [...byKey.values()];
}

/** The configs that the client wants to see, looked up before anything is resolved. */
function wanted(
  definitions: readonly ConfigDefinition[],
  { configurationKeys }: Resource,
): readonly ConfigDefinition[] {
  const keys = new Set(configurationKeys ?? []);
  return keys.size === 0 ? definitions : definitions.filter(({ name }) => keys.has(name));
}

function isUnknownTopic(broker: Broker, { resourceType, resourceName }: Resource): boolean {
  return resourceType === ConfigResourceType.TOPIC && broker.cluster.topicByName(resourceName) === undefined;
}

function describe(broker: Broker, resource: Resource): Described {
  const { resourceType, resourceName } = resource;
  switch (resourceType) {
    case ConfigResourceType.TOPIC:
      return describeTopic(broker, resource);
    case ConfigResourceType.BROKER:
      return resourceName === ""
        ? { configs: defaultsForAllBrokers(broker, resource) }
        : describeBroker(broker, resource);
    case ConfigResourceType.BROKER_LOGGER:
      return brokerIdOf(resourceName) === broker.brokerId ? { configs: [] } : notThisBroker(broker, resourceName);
    case ConfigResourceType.CLIENT_METRICS:
      return resourceName === "" ? invalid("A client metrics subscription has a name.") : { configs: [] };
    case ConfigResourceType.GROUP:
      return resourceName === "" ? invalid("A group has a name.") : { configs: groupConfigs(broker, resource) };
    default:
      return invalid(`Resources of type ${resourceType} have no configs here.`);
  }
}

function describeTopic(broker: Broker, resource: Resource): Described {
  const name = resource.resourceName;
  const problem = topicNameProblem(name);
  if (problem !== null) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: problem };
  const topic = broker.cluster.topicByName(name);
  if (topic === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: null };
  const { image } = broker.cluster;
  return {
    configs: wanted(TOPIC_CONFIGS, resource).map((config) =>
      resolveTopicConfig(image, broker.brokerId, topic.configs, config.name),
    ),
  };
}

function describeBroker(broker: Broker, resource: Resource): Described {
  const name = resource.resourceName;
  if (brokerIdOf(name) !== broker.brokerId) return notThisBroker(broker, name);
  const { image } = broker.cluster;
  return {
    configs: wanted(BROKER_CONFIGS, resource).map((config) => resolveBrokerConfig(image, broker.brokerId, config.name)),
  };
}

function groupConfigs(broker: Broker, resource: Resource): ResolvedConfig[] {
  const { image } = broker.cluster;
  return wanted(GROUP_CONFIGS, resource).map((config) =>
    resolveGroupConfig(image, broker.brokerId, resource.resourceName, config.name),
  );
}

/** Only what was set for all brokers, and only that layer of it. */
function defaultsForAllBrokers(broker: Broker, resource: Resource): ResolvedConfig[] {
  const { image } = broker.cluster;
  return wanted(BROKER_CONFIGS, resource).flatMap((definition): ResolvedConfig[] => {
    const value = ownValue(image.defaultBrokerConfigs, definition.name);
    if (value === undefined) return [];
    const source = ConfigSource.DYNAMIC_DEFAULT_BROKER;
    return [{ definition, value, source, layers: [{ name: definition.name, value, source }] }];
  });
}

function notThisBroker(broker: Broker, name: string): Described {
  return invalid(`This is broker ${broker.brokerId}; it does not know the configs of broker ${quoted(name)}.`);
}

function invalid(errorMessage: string): Described {
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
}

function entry(resourceType: number, config: ResolvedConfig, request: DescribeConfigsRequest): Config {
  const { definition, value, source, layers } = config;
  const isSensitive = definition.type === "PASSWORD";
  const shown = (text: string | null) => (isSensitive ? null : text);
  return {
    name: definition.name,
    value: shown(value),
    readOnly: resourceType === ConfigResourceType.BROKER && definition.dynamic !== true,
    configSource: source,
    isSensitive,
    synonyms: request.includeSynonyms
      ? layers.map((layer) => ({ name: layer.name, value: shown(layer.value), source: layer.source }))
      : [],
    configType: CONFIG_TYPE_ID[definition.type],
    documentation: request.includeDocumentation ? definition.documentation : null,
  };
}
