import type { ConfigValues, Outcome } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { type ConfigDefinition, longOf, parseConfigValue } from "./config-definition.ts";
import { quoted } from "./limits.ts";
import { failure } from "./outcome.ts";
import { topicConfig } from "./topic-configs.ts";

export type CheckedConfigs =
  | { readonly ok: true; readonly configs: ConfigValues }
  | { readonly ok: false; readonly outcome: Outcome };

/** Checks the whole set of a topic's configs, each value and how they go together, and gives the values one spelling. */
export function checkTopicConfigs(configs: ConfigValues): CheckedConfigs {
  const checked: Record<string, string> = {};
  for (const name of Object.keys(configs).sort()) {
    const definition = topicConfig(name);
    if (definition === undefined) return invalid(`There is no topic config ${quoted(name)}.`);
    const parsed = parseConfigValue(definition, configs[name]);
    if (!parsed.ok) return invalid(parsed.problem);
    checked[name] = parsed.value;
  }
  const complaint = conflict(checked);
  return complaint === null ? { ok: true, configs: checked } : invalid(complaint);
}

function conflict(configs: ConfigValues): string | null {
  const effective = (name: string) => configs[name] ?? ((topicConfig(name) as ConfigDefinition).defaultValue as string);
  if (longOf(effective("min.compaction.lag.ms")) > longOf(effective("max.compaction.lag.ms"))) {
    return "min.compaction.lag.ms is larger than max.compaction.lag.ms.";
  }
  if (effective("remote.storage.enable") === "true") return "Tiered storage is disabled in this cluster.";
  return null;
}

function invalid(message: string): CheckedConfigs {
  return { ok: false, outcome: failure(ErrorCode.INVALID_CONFIG, message) };
}
