import {
  type Check,
  type ConfigDefinition,
  type ConfigType,
  type Effect,
  type Synonym,
  YES,
  yesUpTo,
} from "./config-definition.ts";

interface Row {
  readonly check?: Check;
  readonly synonyms?: readonly Synonym[];
  readonly dynamic?: boolean;
  /** Unless said otherwise a config acts. */
  readonly effect?: Effect;
  readonly doc: string;
}

/** A line of a table of configs. */
export function row(name: string, type: ConfigType, defaultValue: string | null, rest: Row): ConfigDefinition {
  const { doc, effect = YES, ...others } = rest;
  return { name, type, defaultValue, effect, documentation: doc, ...others };
}

export const BOUND: Effect = yesUpTo("as the bound of what a group's own config may say");
