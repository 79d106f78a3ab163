import type { ShareKey } from "#share/share-key.ts";

interface Topic<P> {
  readonly topicId: string;
  readonly partitions: readonly P[];
}

/** What all five requests of the share coordinator have in common. */
interface StateRequest<P> {
  readonly groupId: string;
  readonly topics: readonly Topic<P>[];
}

/** Partitions of which one request may speak; the rest would only be work. */
const MAX_PARTITIONS = 10_000;

/**
 * Asks the share coordinator for each partition of a request and puts the answers back together. Kafka answers nothing at all to a request
 * without a group, and to one with a topic without partitions.
 */
export async function forEachPartition<P extends { readonly partition: number }, R>(
  { groupId, topics }: StateRequest<P>,
  ask: (key: ShareKey, partition: P) => Promise<R>,
): Promise<{ topicId: string; partitions: (R & { partition: number })[] }[]> {
  const isEmpty = topics.some(({ partitions }) => partitions.length === 0);
  if (groupId === "" || isEmpty) return [];
  return Promise.all(
    [...distinct(topics)].map(async ([topicId, partitions]) => ({
      topicId,
      partitions: await Promise.all(
        [...partitions.values()].map(async (one) => {
          const key = { groupId, topicId, partitionIndex: one.partition };
          return { ...(await ask(key, one)), partition: one.partition };
        }),
      ),
    })),
  );
}

/** Each partition once; the last that names it holds, as in Kafka. */
function distinct<P extends { readonly partition: number }>(topics: readonly Topic<P>[]): Map<string, Map<number, P>> {
  const byTopic = new Map<string, Map<number, P>>();
  let count = 0;
  for (const { topicId, partitions } of topics) {
    const own = byTopic.get(topicId) ?? new Map<number, P>();
    for (const partition of partitions) {
      if (count++ < MAX_PARTITIONS) own.set(partition.partition, partition);
    }
    if (own.size > 0) byTopic.set(topicId, own);
  }
  return byTopic;
}
