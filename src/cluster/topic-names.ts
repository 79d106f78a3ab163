/** Kafka's rules for topic names. */

export const MAX_TOPIC_NAME_CHARS = 249;

export const GROUP_METADATA_TOPIC = "__consumer_offsets";
export const TRANSACTION_STATE_TOPIC = "__transaction_state";
export const SHARE_GROUP_STATE_TOPIC = "__share_group_state";
export const CLUSTER_METADATA_TOPIC = "__cluster_metadata";

const INTERNAL = new Set([GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC, SHARE_GROUP_STATE_TOPIC]);
/** There are so many internal topics. */
export const INTERNAL_TOPIC_COUNT = INTERNAL.size;

const LEGAL = /^[a-zA-Z0-9._-]+$/;

export function isInternalTopic(name: string): boolean {
  return INTERNAL.has(name);
}

/** Null when the name is legal, else a sentence that says why not. */
export function topicNameProblem(name: string): string | null {
  if (name === "") return "A topic name must not be empty.";
  if (name === "." || name === "..") return `A topic name must not be '${name}'.`;
  if (name.length > MAX_TOPIC_NAME_CHARS) {
    return `A topic name has at most ${MAX_TOPIC_NAME_CHARS} characters; this one has ${name.length}.`;
  }
  return LEGAL.test(name) ? null : "A topic name consists of ASCII letters, digits, '.', '_' and '-'.";
}

/** Names that differ only in '.' and '_' share this: metric names cannot tell them apart. */
export function collisionKey(name: string): string {
  return name.replaceAll(".", "_");
}
