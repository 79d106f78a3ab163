import type { BrokerImage, ClusterImage, ConfigValues } from "#ports/controller.ts";
import { brokerConfig } from "./broker-configs.ts";
import type { ConfigDefinition } from "./config-definition.ts";
import { groupConfig } from "./group-configs.ts";
import { topicConfig } from "./topic-configs.ts";

/** DescribeConfigs' ids of where a value comes from (KIP-226). */
export const ConfigSource = {
  TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
  GROUP: 8,
} as const;
export type ConfigSource = (typeof ConfigSource)[keyof typeof ConfigSource];

/** One place that could supply a value. */
export interface ConfigLayer {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
}

export interface ResolvedConfig {
  readonly definition: ConfigDefinition;
  /** Null when nothing supplies one. */
  readonly value: string | null;
  readonly source: ConfigSource;
  /** All that supply a value, the one that holds first. */
  readonly layers: readonly ConfigLayer[];
}

/** What a broker was started with: derived from its entry in the image, then what the operator said. */
export function staticConfigsOf(image: ClusterImage, brokerId: number): ConfigValues {
  const broker = image.brokers.find((candidate) => candidate.id === brokerId);
  return broker === undefined ? image.staticBrokerConfigs : { ...image.staticBrokerConfigs, ...derived(broker) };
}

function derived(broker: BrokerImage): ConfigValues {
  const values: Record<string, string> = {
    "advertised.listeners": `PLAINTEXT://${broker.host}:${broker.port}`,
    "broker.id": String(broker.id),
    "node.id": String(broker.id),
    "process.roles": "broker",
  };
  if (broker.rack !== null) values["broker.rack"] = broker.rack;
  return values;
}

/** The layers of one broker config, without its synonyms. */
export function brokerLayers(image: ClusterImage, brokerId: number, name: string): ConfigLayer[] {
  const layers: ConfigLayer[] = [];
  const add = (value: string | null | undefined, source: ConfigSource) => {
    if (value !== undefined && value !== null) layers.push({ name, value, source });
  };
  add(ownValue(image.brokerConfigs[brokerId], name), ConfigSource.DYNAMIC_BROKER);
  add(ownValue(image.defaultBrokerConfigs, name), ConfigSource.DYNAMIC_DEFAULT_BROKER);
  add(ownValue(staticConfigsOf(image, brokerId), name), ConfigSource.STATIC_BROKER);
  add(brokerConfig(name)?.defaultValue, ConfigSource.DEFAULT);
  return layers;
}

/** A config's value if it is set; names come from outside, so `constructor` must not find anything. */
export function ownValue(values: ConfigValues | undefined, name: string): string | undefined {
  return values !== undefined && Object.hasOwn(values, name) ? values[name] : undefined;
}

/** @throws Error when there is no such broker config: the caller has looked it up. */
export function resolveBrokerConfig(image: ClusterImage, brokerId: number, name: string): ResolvedConfig {
  const definition = brokerConfig(name);
  if (definition === undefined) throw new Error(`no broker config ${name}`);
  const layers = brokerLayers(image, brokerId, name);
  const first = layers[0];
  return { definition, layers, value: first?.value ?? null, source: first?.source ?? ConfigSource.DEFAULT };
}

/**
 * A topic config's value on a broker: the topic's own, else the broker's.
 *
 * @throws Error when there is no such topic config: the caller has looked it up.
 */
export function resolveTopicConfig(
  image: ClusterImage,
  brokerId: number,
  overrides: ConfigValues,
  name: string,
): ResolvedConfig {
  const definition = topicConfig(name);
  if (definition === undefined) throw new Error(`no topic config ${name}`);
  const layers: ConfigLayer[] = [];
  const own = ownValue(overrides, name);
  if (own !== undefined) layers.push({ name, value: own, source: ConfigSource.TOPIC });
  for (const [i, synonym] of (definition.synonyms ?? []).entries()) {
    const found = brokerLayers(image, brokerId, synonym.name);
    // Only the first synonym's default counts as a layer, as in Kafka; the others' is the topic config's own default.
    layers.push(...(i === 0 ? found : found.filter((layer) => layer.source !== ConfigSource.DEFAULT)));
  }
  // By source first: a synonym that was set stands before another one's default. The sort keeps the order of synonyms.
  layers.sort((a, b) => a.source - b.source);
  const first = layers[0];
  if (first === undefined) return { definition, layers, value: definition.defaultValue, source: ConfigSource.DEFAULT };
  const factor = definition.synonyms?.find((synonym) => synonym.name === first.name)?.factor;
  return { definition, layers, value: scaled(first.value, factor), source: first.source };
}

function scaled(value: string, factor: number | undefined): string {
  if (factor === undefined) return value;
  const product = BigInt(value) * BigInt(factor);
  return (product < 0n ? -1n : product).toString();
}

/**
 * A group config's value: the group's own, else the broker's.
 *
 * @throws Error when there is no such group config: the caller has looked it up.
 */
export function resolveGroupConfig(
  image: ClusterImage,
  brokerId: number,
  groupId: string,
  name: string,
): ResolvedConfig {
  const definition = groupConfig(name);
  if (definition === undefined) throw new Error(`no group config ${name}`);
  const layers: ConfigLayer[] = [];
  const own = Object.hasOwn(image.groupConfigs, groupId) ? ownValue(image.groupConfigs[groupId], name) : undefined;
  if (own !== undefined) layers.push({ name, value: own, source: ConfigSource.GROUP });
  const synonym = definition.synonyms?.at(0)?.name ?? name;
  const found = brokerConfig(synonym) === undefined ? [] : brokerLayers(image, brokerId, synonym);
  if (found.length > 0) layers.push(...found);
  else layers.push({ name: synonym, value: definition.defaultValue as string, source: ConfigSource.DEFAULT });
  return { definition, layers, value: layers[0].value, source: layers[0].source };
}
