/** Bounds on what clients may make the controller keep or do at once. */

/** Partitions (and topics, counted as one each) that one request may create. Kafka's bound on the records of one operation. */
export const MAX_PARTITIONS_PER_REQUEST = 10_000;

/** Replicas that one broker may hold; a topic that would go beyond gets POLICY_VIOLATION. */
export const MAX_PARTITIONS_PER_BROKER = 10_000;

/**
 * Replicas of each internal topic that a broker has room for beyond that, when the topic is created: their coordinators need them (Kafka's
 * default is 50 partitions), however full ordinary topics have made the broker. A topic that is to have more of them on a broker is treated
 * as an ordinary one, so that no internal topic takes the room of another.
 */
export const RESERVED_PARTITIONS_PER_INTERNAL_TOPIC = 50;

/** Configs that one resource may be given in one request. The tables have fewer. */
export const MAX_CONFIGS_PER_RESOURCE = 1_000;

/** Producer ids are handed to brokers in blocks of this many, as in Kafka. */
export const PRODUCER_ID_BLOCK_SIZE = 1_000;

/** What is repeated of a client's text in a sentence for people: texts may be as long as a string of the protocol. */
export const MAX_QUOTED_CHARS = 300;

/** Groups that may have configs of their own: every broker holds them all. */
export const MAX_GROUPS_WITH_CONFIGS = 2_000;

/** UTF-16 units of a group's id, where it gets configs. */
export const MAX_GROUP_ID_LENGTH = 1_000;

export function quoted(text: string): string {
  return text.length <= MAX_QUOTED_CHARS ? `'${text}'` : `'${text.slice(0, MAX_QUOTED_CHARS)}…'`;
}
