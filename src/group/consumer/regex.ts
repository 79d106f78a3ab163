import { RE2JS } from "re2js";

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
