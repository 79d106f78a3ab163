/**
 * Configurations by Kafka's dotted names. A table has one rule for each name; what is read by it has exactly the table's names,
 * so that a setting is called the same in the documentation, in the caller's object and in the code.
 */
import { ErrorCode } from "#protocol/errors.ts";
import { failure, type Outcome, success } from "./outcome.ts";

/** One setting: its default, and how what a caller gives becomes its value. */
export interface Rule<out T> {
  readonly initial: T;
  /** Undefined: it isn't a legal value. */
  parse(given: unknown): T | undefined;
  /** What is legal, for the sentence that refuses something else. */
  readonly legal: string;
}

type Rules = { readonly [name: string]: Rule<unknown> };
export type Settings<R extends Rules> = { readonly [Name in keyof R]: R[Name] extends Rule<infer T> ? T : never };
/** What a caller may give. Numbers and booleans may be text, as in a properties file. */
export type GivenSettings<R extends Rules> = { readonly [Name in keyof R]?: unknown };

const INT32_MAX = 2_147_483_647;

/** A whole number within bounds. */
export function int(initial: number, min: number, max = INT32_MAX): Rule<number> {
  return {
    initial,
    legal: `a whole number from ${min} to ${max}`,
    parse(given) {
      const number = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
      const isLegal = typeof number === "number" && Number.isSafeInteger(number) && number >= min && number <= max;
      return isLegal ? number : undefined;
    },
  };
}

export function flag(initial: boolean): Rule<boolean> {
  return {
    initial,
    legal: "true or false",
    parse: (given) =>
      given === true || given === "true" ? true : given === false || given === "false" ? false : undefined,
  };
}

export function oneOf<T extends string>(initial: T, ...others: readonly T[]): Rule<T> {
  const all = [initial, ...others];
  return {
    initial,
    legal: `one of ${all.join(", ")}`,
    parse: (given) => all.find((one) => typeof given === "string" && one === given.toLowerCase()),
  };
}

/** A text that isn't empty, or null, which is the default. */
export function optionalText(): Rule<string | null> {
  return {
    initial: null,
    legal: "a text",
    parse: (given) => (given === null ? null : typeof given === "string" && given !== "" ? given : undefined),
  };
}

/** A rule of its own kind. */
export function custom<T>(initial: T, legal: string, parse: (given: unknown) => T | undefined): Rule<T> {
  return { initial, legal, parse };
}

/** INVALID_CONFIG: a name that the table doesn't have, or a value that isn't legal. Undefined stands for the default. */
export function readSettings<R extends Rules>(rules: R, given: GivenSettings<R>): Outcome<Settings<R>> {
  const settings: { [name: string]: unknown } = {};
  for (const name of Object.keys(rules)) settings[name] = rules[name].initial;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) return failure(ErrorCode.INVALID_CONFIG, `There is no setting ${name}.`);
    const parsed = rule.parse(value);
    if (parsed === undefined) {
      return failure(ErrorCode.INVALID_CONFIG, `${name} is ${String(value)}, and should be ${rule.legal}.`);
    }
    settings[name] = parsed;
  }
  return success(settings as Settings<R>);
}
