import type { ConfigValues, Outcome } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { type ConfigDefinition, listOf, longOf, parseConfigValue } from "./config-definition.ts";
import { quoted } from "./limits.ts";
import { failure } from "./outcome.ts";
import type { ClusterState } from "./state.ts";
import { topicConfig } from "./topic-configs.ts";

export type CheckedConfigs =
  | { readonly ok: true; readonly configs: ConfigValues }
  | { readonly ok: false; readonly outcome: Outcome };

/** What a topic's configs are checked against beside each other. */
export interface TopicCheck {
  /** `remote.log.storage.system.enable` */
  readonly tiering: boolean;
  /** What the topic has had so far. */
  readonly before?: ConfigValues;
}

/** Checks the whole set of a topic's configs, each value and how they go together, and gives the values one spelling. */
export function checkTopicConfigs(configs: ConfigValues, against: TopicCheck = { tiering: false }): CheckedConfigs {
  const checked: Record<string, string> = {};
  for (const name of Object.keys(configs).sort()) {
    const definition = topicConfig(name);
    if (definition === undefined) return invalid(`There is no topic config ${quoted(name)}.`);
    const parsed = parseConfigValue(definition, configs[name]);
    if (!parsed.ok) return invalid(parsed.problem);
    checked[name] = parsed.value;
  }
  const complaint = conflict(checked) ?? tieringConflict(checked, against);
  return complaint === null ? { ok: true, configs: checked } : invalid(complaint);
}

function conflict(configs: ConfigValues): string | null {
  const effective = (name: string) => configs[name] ?? ((topicConfig(name) as ConfigDefinition).defaultValue as string);
  if (longOf(effective("min.compaction.lag.ms")) > longOf(effective("max.compaction.lag.ms"))) {
    return "min.compaction.lag.ms is larger than max.compaction.lag.ms.";
  }
  return null;
}

/** Kafka's rules for the configs of tiered storage. */
function tieringConflict(configs: ConfigValues, { tiering, before = {} }: TopicCheck): string | null {
  const effective = (name: string) => configs[name] ?? ((topicConfig(name) as ConfigDefinition).defaultValue as string);
  const isOn = effective("remote.storage.enable") === "true";
  if (!isOn) {
    const wasOn = before["remote.storage.enable"] === "true";
    if (!wasOn || effective("remote.log.delete.on.disable") === "true") return null;
    return "Tiered storage can only be turned off together with remote.log.delete.on.disable=true.";
  }
  if (!tiering) return "Tiered storage is disabled in this cluster (remote.log.storage.system.enable).";
  if (listOf(effective("cleanup.policy")).includes("compact")) return "A compacted topic can't be tiered.";
  return localBeyond(effective, "ms") ?? localBeyond(effective, "bytes");
}

/** What stays local is a part of what stays at all. */
function localBeyond(effective: (name: string) => string, unit: "ms" | "bytes"): string | null {
  const local = longOf(effective(`local.retention.${unit}`));
  const total = longOf(effective(`retention.${unit}`));
  if (local === -2 || total < 0) return null;
  const isBeyond = local === -1 || local > total;
  return isBeyond ? `local.retention.${unit} is larger than retention.${unit}.` : null;
}

function invalid(message: string): CheckedConfigs {
  return { ok: false, outcome: failure(ErrorCode.INVALID_CONFIG, message) };
}

export function isTieringEnabled({ staticBrokerConfigs }: Pick<ClusterState, "staticBrokerConfigs">): boolean {
  return staticBrokerConfigs["remote.log.storage.system.enable"] === "true";
}
