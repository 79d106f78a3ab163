import { RE2JS } from "re2js";
import { TOPIC_NAME_OVERHEAD_BYTES } from "../limits.ts";

// Subscriptions by regular expression (KIP-848) are matched with RE2, as in Kafka: its time is linear in the length of a topic's name,
// whatever the expression. What is left to limit is the expression itself, since a repetition may make its automaton large.

/** An expression is a line that somebody wrote; names of topics have 249 characters at most. */
export const MAX_REGEX_LENGTH = 1_000;

/** Expressions that the members of one group may have between them: each is matched with every topic. */
export const MAX_REGEXES_PER_GROUP = 100;

/** How many instructions an expression may become: `(((a{10}){10}){10})` alone has a thousand. */
const MAX_PROGRAM_SIZE = 5_000;

/** Null when it is no expression of RE2, or too large a one. */
function compile(regex: string): RE2JS | null {
  if (regex.length > MAX_REGEX_LENGTH) return null;
  try {
    const compiled = RE2JS.compile(regex);
    return compiled.programSize() > MAX_PROGRAM_SIZE ? null : compiled;
  } catch {
    // The library throws its own error for syntax; anything else that an expression brings about is no better.
    return null;
  }
}

/**
 * How long one heartbeat may match expressions with topics, in steps of some nanosecond each: the heartbeat after it goes on from there. With
 * an expression such as `orders-.*`, that is some 15,000 topics.
 */
export const MAX_MATCH_STEPS = 50_000_000;

/** What is measured of the library, in steps: to compile an instruction, and to look at a character whatever the instructions are. */
const STEPS_PER_COMPILED_INSTRUCTION = 4_000;
const STEPS_PER_CHARACTER = 100;

/**
 * What the topics of one expression may hold, as `resolvedBytes` counts: they are one record, which must fit into a batch of the log. One
 * that would come to more keeps the topics that it had.
 */
export const MAX_RESOLVED_BYTES = 8 * 1024 * 1024;

export function isRegex(regex: string): boolean {
  return compile(regex) !== null;
}

/** The topics whose whole names match; none for what is no expression. */
export function matchingTopics(regex: string, topicNames: Iterable<string>): Set<string> {
  const topics = new Set<string>();
  const compiled = compile(regex);
  if (compiled === null) return topics;
  for (const name of topicNames) if (compiled.matches(name)) topics.add(name);
  return topics;
}

/** How far the matching of one expression has come. */
export interface Matching {
  readonly regex: string;
  /** Of the cluster image with which it began. */
  readonly version: number;
  /** The last topic that it has looked at, in the order of names; empty before the first one. */
  readonly after: string;
  /** Those among them that match. */
  readonly topics: ReadonlySet<string>;
}

interface Matched {
  readonly matching: Matching;
  /** Whether it has looked at all topics. */
  readonly isDone: boolean;
  readonly steps: number;
}

/** Goes on until `maxSteps` are done, give or take the expression's compilation and one topic. The names are in order. */
export function matchOn(matching: Matching, sortedNames: readonly string[], maxSteps: number): Matched {
  const compiled = compile(matching.regex);
  if (compiled === null) return { matching, isDone: true, steps: MAX_REGEX_LENGTH };
  const size = compiled.programSize();
  let steps = STEPS_PER_COMPILED_INSTRUCTION * size;
  let { after } = matching;
  const topics = new Set(matching.topics);
  // By name and not by number: topics may have come and gone since the last heartbeat.
  const next = sortedNames.findIndex((name) => name > after);
  let at = next === -1 ? sortedNames.length : next;
  for (; at < sortedNames.length && steps < maxSteps; at++) {
    after = sortedNames[at];
    steps += (after.length + 1) * (size + STEPS_PER_CHARACTER);
    if (compiled.matches(after)) topics.add(after);
  }
  return { matching: { ...matching, after, topics }, isDone: at === sortedNames.length, steps };
}

/** What an expression and its topics hold in memory. */
export function resolvedBytes(regex: string, topics: ReadonlySet<string>): number {
  let bytes = 2 * regex.length;
  for (const name of topics) bytes += 2 * name.length + TOPIC_NAME_OVERHEAD_BYTES;
  return bytes;
}
