/** Answers for partitions, put under their topics in the order in which these first come. */
export function byTopic<P extends { readonly topicId: string }>(
  answers: readonly P[],
): { topicId: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>();
  for (const answer of answers) {
    const partitions = topics.get(answer.topicId);
    if (partitions === undefined) topics.set(answer.topicId, [answer]);
    else partitions.push(answer);
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
}
