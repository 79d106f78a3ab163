import {
  type AlterConfigsOutcome,
  type ConfigAlteration,
  ConfigOperation,
  type ConfigReplacement,
  type ConfigResource,
  ConfigResourceType,
  type ConfigValues,
  type Outcome,
} from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { brokerConfig } from "./broker-configs.ts";
import { type ConfigDefinition, listOf, parseConfigValue } from "./config-definition.ts";
import { checkGroupConfigs, groupConfig } from "./group-configs.ts";
import { MAX_CONFIGS_PER_RESOURCE, MAX_GROUP_ID_LENGTH, MAX_GROUPS_WITH_CONFIGS, quoted } from "./limits.ts";
import { DONE, failure, isFailure, repeated, unknownTopic } from "./outcome.ts";
import { ownValue } from "./resolve-config.ts";
import type { ClusterRecord, ClusterState, Decision } from "./state.ts";
import { topicConfig } from "./topic-configs.ts";
import { topicNameProblem } from "./topic-names.ts";
import { type CheckedConfigs, checkTopicConfigs, isTieringEnabled } from "./validate-configs.ts";

interface AlterArguments {
  readonly validateOnly: boolean;
}

type Alteration = ConfigAlteration["configs"][number];

/** IncrementalAlterConfigs: a resource changes as a whole or not at all. */
export function decideAlterConfigs(
  state: ClusterState,
  resources: readonly ConfigAlteration[],
  args: AlterArguments,
): Decision<AlterConfigsOutcome> {
  return decideEach(state, resources, args, (resource, current) => {
    const outcome = checkAlterations(resource.configs);
    if (isFailure(outcome)) return { ok: false, outcome };
    const next: Record<string, string> = { ...current };
    for (const alteration of resource.configs) {
      const value = applied(resource, alteration, ownValue(current, alteration.name));
      if (typeof value === "object" && value !== null) return { ok: false, outcome: value };
      if (value === null) delete next[alteration.name];
      else next[alteration.name] = value;
    }
    return { ok: true, configs: next };
  });
}

/** AlterConfigs: what is not named is unset. */
export function decideReplaceConfigs(
  state: ClusterState,
  resources: readonly ConfigReplacement[],
  args: AlterArguments,
): Decision<AlterConfigsOutcome> {
  return decideEach(state, resources, args, (resource) => {
    const asSets = resource.configs.map((config) => ({ ...config, configOperation: ConfigOperation.SET }));
    const outcome = checkAlterations(asSets);
    if (isFailure(outcome)) return { ok: false, outcome };
    return {
      ok: true,
      configs: Object.fromEntries(resource.configs.map(({ name, value }) => [name, value as string])),
    };
  });
}

function decideEach<Resource extends ConfigResource>(
  state: ClusterState,
  resources: readonly Resource[],
  args: AlterArguments,
  change: (resource: Resource, current: ConfigValues) => CheckedConfigs,
): Decision<AlterConfigsOutcome> {
  const duplicates = repeated(resources.map(keyOf));
  const records: ClusterRecord[] = [];
  const outcomes = resources.map((resource): AlterConfigsOutcome => {
    const { resourceType, resourceName } = resource;
    const decide = (): Outcome => {
      if (duplicates.has(keyOf(resource))) {
        return failure(ErrorCode.INVALID_REQUEST, "The resource is named twice in the request.");
      }
      const current = currentConfigs(state, resource);
      if ("errorCode" in current) return current as Outcome;
      const next = change(resource, current as ConfigValues);
      if (!next.ok) return next.outcome;
      const checked = check(state, resourceType, { before: current as ConfigValues, configs: next.configs });
      if (!checked.ok) return checked.outcome;
      if (resourceType === ConfigResourceType.TOPIC && !state.topics.has(resourceName)) return unknownTopic();
      records.push(recordFor(state, resource, checked.configs));
      return DONE;
    };
    return { ...decide(), resourceType, resourceName };
  });
  return { outcomes, records: args.validateOnly ? [] : records };
}

function check(
  state: ClusterState,
  resourceType: number,
  { before, configs }: { readonly before: ConfigValues; readonly configs: ConfigValues },
): CheckedConfigs {
  switch (resourceType) {
    case ConfigResourceType.TOPIC:
      return checkTopicConfigs(configs, { tiering: isTieringEnabled(state), before });
    case ConfigResourceType.GROUP:
      return checkGroupConfigs(configs, (name) => valueForAllBrokers(state, name));
    default:
      return checkBrokerConfigs(configs);
  }
}

function valueForAllBrokers(state: ClusterState, name: string): string | undefined {
  const set = ownValue(state.defaultBrokerConfigs, name) ?? ownValue(state.staticBrokerConfigs, name);
  return set ?? brokerConfig(name)?.defaultValue ?? undefined;
}

function keyOf(resource: ConfigResource): string {
  return `${resource.resourceType}/${resource.resourceName}`;
}

function currentConfigs(state: ClusterState, resource: ConfigResource): ConfigValues | Outcome {
  const { resourceType, resourceName } = resource;
  if (resourceType === ConfigResourceType.TOPIC) {
    if (resourceName === "")
      return failure(ErrorCode.INVALID_REQUEST, "There are no default topic configs: name a topic.");
    const problem = topicNameProblem(resourceName);
    if (problem !== null) return failure(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
    // Whether the topic exists is looked at last, as in Kafka: bad configs are told first.
    return state.topics.get(resourceName)?.configs ?? {};
  }
  if (resourceType === ConfigResourceType.GROUP) return currentGroupConfigs(state, resourceName);
  if (resourceType !== ConfigResourceType.BROKER) {
    return failure(ErrorCode.INVALID_REQUEST, `Configs of resource type ${resourceType} can't be altered here.`);
  }
  if (resourceName === "") return state.defaultBrokerConfigs;
  const brokerId = brokerIdOf(resourceName);
  if (brokerId === null || !state.brokers.has(brokerId)) {
    return failure(ErrorCode.INVALID_REQUEST, `${quoted(resourceName)} is not the id of a broker.`);
  }
  return state.brokerConfigs.get(brokerId) ?? {};
}

function currentGroupConfigs(state: ClusterState, groupId: string): ConfigValues | Outcome {
  if (groupId === "") return failure(ErrorCode.INVALID_REQUEST, "There are no default group configs: name a group.");
  if (groupId.length > MAX_GROUP_ID_LENGTH) {
    return failure(
      ErrorCode.INVALID_REQUEST,
      `A group's id of more than ${MAX_GROUP_ID_LENGTH} characters gets no configs.`,
    );
  }
  const known = state.groupConfigs.get(groupId);
  if (known === undefined && state.groupConfigs.size >= MAX_GROUPS_WITH_CONFIGS) {
    return failure(ErrorCode.POLICY_VIOLATION, `At most ${MAX_GROUPS_WITH_CONFIGS} groups can have configs.`);
  }
  return known ?? {};
}

/** Null when the name of a broker resource is not a broker's id in decimal. */
export function brokerIdOf(resourceName: string): number | null {
  return /^\d{1,10}$/.test(resourceName) ? Number(resourceName) : null;
}

function recordFor(state: ClusterState, resource: ConfigResource, configs: ConfigValues): ClusterRecord {
  if (resource.resourceType === ConfigResourceType.TOPIC) {
    const topic = state.topics.get(resource.resourceName);
    if (topic === undefined) throw new Error(`the topic ${resource.resourceName} was checked`);
    return { kind: "topic", topic: { ...topic, configs } };
  }
  if (resource.resourceType === ConfigResourceType.GROUP) {
    return { kind: "group-configs", groupId: resource.resourceName, configs };
  }
  return { kind: "broker-configs", brokerId: brokerIdOf(resource.resourceName), configs };
}

function checkAlterations(configs: readonly Alteration[]): Outcome {
  if (configs.length > MAX_CONFIGS_PER_RESOURCE) {
    return failure(
      ErrorCode.INVALID_REQUEST,
      `A resource may be given at most ${MAX_CONFIGS_PER_RESOURCE} configs at once.`,
    );
  }
  if (repeated(configs.map((config) => config.name)).size > 0) {
    return failure(ErrorCode.INVALID_REQUEST, "A config is named twice.");
  }
  for (const { name, configOperation, value } of configs) {
    if (configOperation < ConfigOperation.SET || configOperation > ConfigOperation.SUBTRACT) {
      return failure(ErrorCode.INVALID_REQUEST, `There is no config operation ${configOperation}.`);
    }
    if (value === null && configOperation !== ConfigOperation.DELETE) {
      return failure(ErrorCode.INVALID_REQUEST, `The config ${quoted(name)} has no value.`);
    }
  }
  return DONE;
}

/** The new value; null = unset. */
function applied(
  resource: ConfigResource,
  alteration: Alteration,
  current: string | undefined,
): string | null | Outcome {
  const { name, configOperation, value } = alteration;
  if (configOperation === ConfigOperation.SET) return value;
  if (configOperation === ConfigOperation.DELETE) return null;
  const definition = definitionOf(resource, name);
  const isGroup = resource.resourceType === ConfigResourceType.GROUP;
  if (isGroup || (definition !== undefined && definition.type !== "LIST")) {
    return failure(
      ErrorCode.INVALID_CONFIG,
      `The config ${name} is no LIST: nothing can be appended to it or taken from it.`,
    );
  }
  const items = listOf(current ?? definition?.defaultValue ?? "");
  const given = listOf(value as string);
  if (configOperation === ConfigOperation.APPEND) return [...new Set([...items, ...given])].join(",");
  // A set: both lists may have sixteen thousand items.
  const taken = new Set(given);
  return items.filter((item) => !taken.has(item)).join(",");
}

function definitionOf(resource: ConfigResource, name: string): ConfigDefinition | undefined {
  if (resource.resourceType === ConfigResourceType.GROUP) return groupConfig(name);
  return resource.resourceType === ConfigResourceType.TOPIC ? topicConfig(name) : brokerConfig(name);
}

/** Broker configs that clients set. Kafka answers INVALID_REQUEST to all that is wrong with these. */
function checkBrokerConfigs(configs: ConfigValues): CheckedConfigs {
  const checked: Record<string, string> = {};
  for (const name of Object.keys(configs).sort()) {
    const definition = brokerConfig(name);
    if (definition === undefined) return refused(`There is no broker config ${quoted(name)}.`);
    if (definition.dynamic !== true) return refused(`The broker config ${name} can't change while the broker runs.`);
    const parsed = parseConfigValue(definition, configs[name]);
    if (!parsed.ok) return refused(parsed.problem);
    checked[name] = parsed.value;
  }
  return { ok: true, configs: checked };
}

function refused(message: string): CheckedConfigs {
  return { ok: false, outcome: failure(ErrorCode.INVALID_REQUEST, message) };
}
