import * as m from "../messages.ts";
import type { Session } from "../session.ts";

const ANSWER_RETRIES = 100;

/** A coordinator that loads says so for a while. */
export async function awaitCoordinator(session: Session, groupId: string): Promise<void> {
  for (let attempt = 0; attempt < ANSWER_RETRIES; attempt++) {
    const { errorCode } = await session.tell(m.FindCoordinator, 3, { key: groupId, keyType: 0 });
    const { errorCode: loading } = await session.tell(m.Heartbeat, 4, { groupId, generationId: 1, memberId: "nobody" });
    if (errorCode === 0 && ![14, 15, 16].includes(loading)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A fresh broker has to fetch its first ids. */
export async function newProducerId(session: Session, version: number) {
  for (let attempt = 0; ; attempt++) {
    const answer = await session.tell(m.InitProducerId, version, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    });
    if (answer.errorCode === 0 || attempt === ANSWER_RETRIES) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Creates a topic and waits until its leader answers. */
export async function createTopic(
  session: Session,
  name: string,
  numPartitions = 1,
  configs: Record<string, string> = {},
) {
  const response = await session.tell(m.CreateTopics, 7, {
    topics: [
      {
        name: session.topic(name),
        numPartitions,
        replicationFactor: 1,
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: 10_000,
  });
  session.call("topicId", response.topics[0].topicId, `id of ${name}`);
  // Kafka's brokers learn of a topic a moment after its creation was answered.
  const indexes = Array.from({ length: numPartitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }));
  for (let attempt = 0; attempt < ANSWER_RETRIES; attempt++) {
    const { topics } = await session.tell(m.ListOffsets, 5, {
      topics: [{ name: session.topic(name), partitions: indexes }],
    });
    if (topics[0].partitions.every(({ errorCode }) => errorCode === 0)) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return response.topics[0].topicId;
}
