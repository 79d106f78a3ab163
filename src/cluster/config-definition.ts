import { quoted } from "./limits.ts";

/**
 * What a config is: the one row form of the topic and the broker table. Values travel as text, as in Kafka, and are
 * checked and brought into one spelling when they are set; typed views are made by the rooms that use them.
 */
export type ConfigType = "BOOLEAN" | "STRING" | "INT" | "SHORT" | "LONG" | "DOUBLE" | "LIST" | "CLASS" | "PASSWORD";

/** DescribeConfigs' ids of the types (KIP-569). */
export const CONFIG_TYPE_ID: Readonly<Record<ConfigType, number>> = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
};

/** Whether Kedge acts on a config; `docs/support.md` is written from this. */
export type Effect =
  | { readonly kind: "yes"; readonly limit?: string }
  | { readonly kind: "none"; readonly reason: string };

export const YES: Effect = { kind: "yes" };

/** It acts, but not on every value that it takes. */
export function yesUpTo(limit: string): Effect {
  return { kind: "yes", limit };
}

export function none(reason: string): Effect {
  return { kind: "none", reason };
}

/** Null when the value is fine, else what is wrong with it, as the end of a sentence that begins with the value. */
export type Check = (canonical: string) => string | null;

/** A broker config that supplies a topic config's default, and the factor between their units. */
export interface Synonym {
  readonly name: string;
  readonly factor?: number;
}

export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  /** Null: there is no value until one is set. */
  readonly defaultValue: string | null;
  readonly check?: Check;
  /** Of a topic config: broker configs that hold when the topic has none, the first one set wins. */
  readonly synonyms?: readonly Synonym[];
  /** Of a broker config: whether it can change while the broker runs. Topic configs always can. */
  readonly dynamic?: boolean;
  readonly effect: Effect;
  readonly documentation: string;
}

export type Parsed = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly problem: string };

/** Values longer than this are refused unread: what Kafka's own clients can put into a string before it is flexible. */
export const MAX_CONFIG_VALUE_CHARS = 32_767;

const INTEGER_BITS: Partial<Record<ConfigType, bigint>> = { SHORT: 16n, INT: 32n, LONG: 64n };
/** What a type takes, for whoever gave it something else. Of the other types every text is one. */
const TAKES: Partial<Record<ConfigType, string>> = {
  BOOLEAN: "true or false",
  SHORT: "a whole number of 16 bits",
  INT: "a whole number of 32 bits",
  LONG: "a whole number of 64 bits",
  DOUBLE: "a number",
};
const INTEGER = /^[+-]?\d{1,30}$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/;

/** Checks a value and gives it the spelling in which it is stored and shown. */
export function parseConfigValue(definition: ConfigDefinition, text: string): Parsed {
  if (text.length > MAX_CONFIG_VALUE_CHARS) return problem(definition, "a value of that length", "is too long");
  const canonical = canonicalValue(definition.type, text);
  if (canonical === null) return problem(definition, quoted(text), notOfType(definition.type));
  const complaint = definition.check?.(canonical) ?? null;
  return complaint === null ? { ok: true, value: canonical } : problem(definition, quoted(text), complaint);
}

function notOfType(type: ConfigType): string {
  return `is not of type ${type} (${TAKES[type]})`;
}

function problem(definition: ConfigDefinition, value: string, complaint: string): Parsed {
  return { ok: false, problem: `Invalid value for config ${definition.name}: ${value} ${complaint}.` };
}

function canonicalValue(type: ConfigType, text: string): string | null {
  const trimmed = text.trim();
  switch (type) {
    case "BOOLEAN": {
      const lower = trimmed.toLowerCase();
      return lower === "true" || lower === "false" ? lower : null;
    }
    case "SHORT":
    case "INT":
    case "LONG": {
      if (!INTEGER.test(trimmed)) return null;
      const value = BigInt(trimmed.startsWith("+") ? trimmed.slice(1) : trimmed);
      const limit = 1n << ((INTEGER_BITS[type] as bigint) - 1n);
      return value >= -limit && value < limit ? value.toString() : null;
    }
    case "DOUBLE": {
      if (!DECIMAL.test(trimmed)) return null;
      const value = Number.parseFloat(trimmed);
      return Number.isInteger(value) ? value.toFixed(1) : String(value);
    }
    case "LIST":
      return [...new Set(listOf(trimmed))].join(",");
    default:
      return trimmed;
  }
}

/** The items of a LIST value. */
export function listOf(value: string): string[] {
  return value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** A LONG as a number: what lies beyond the safe integers counts as the last of them. */
export function longOf(canonical: string): number {
  const value = Number(canonical);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

export function atLeast(minimum: number): Check {
  return (canonical) => (Number(canonical) >= minimum ? null : `is below ${minimum}`);
}

export function between(minimum: number, maximum: number): Check {
  return (canonical) => {
    const value = Number(canonical);
    return value >= minimum && value <= maximum ? null : `is not between ${minimum} and ${maximum}`;
  };
}

export function either(value: number, otherwise: Check): Check {
  return (canonical) => (Number(canonical) === value ? null : otherwise(canonical));
}

export function oneOf(...values: readonly string[]): Check {
  return (canonical) => (values.includes(canonical) ? null : `is none of ${values.join(", ")}`);
}

export function allOf(...values: readonly string[]): Check {
  return (canonical) => {
    const stranger = listOf(canonical).find((item) => !values.includes(item));
    return stranger === undefined ? null : `contains ${quoted(stranger)}, which is none of ${values.join(", ")}`;
  };
}

const THROTTLED_REPLICA = /^\d+:\d+$/;

/** `*`, or a list of `partition:broker`. */
export function throttledReplicas(canonical: string): string | null {
  const items = listOf(canonical);
  if (canonical === "*" || items.every((item) => THROTTLED_REPLICA.test(item))) return null;
  return "is neither '*' nor a list of partition:broker pairs";
}
