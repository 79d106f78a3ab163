import type { Uuid } from "#bytes/uuid.ts";
import type { BrokerImage, ClusterImage, PartitionImage, TopicImage } from "#ports/controller.ts";

/** A cluster image with the look-ups that a broker needs at every request. Build one per image, not per request. */
export interface ClusterView {
  readonly image: ClusterImage;
  topicByName(name: string): TopicImage | undefined;
  topicById(topicId: Uuid): TopicImage | undefined;
  partition(name: string, partitionIndex: number): PartitionImage | undefined;
  broker(id: number): BrokerImage | undefined;
}

export function viewOf(image: ClusterImage): ClusterView {
  const byName = new Map(image.topics.map((topic) => [topic.name, topic]));
  const byId = new Map(image.topics.map((topic) => [topic.topicId, topic]));
  const brokers = new Map(image.brokers.map((broker) => [broker.id, broker]));
  return {
    image,
    topicByName: (name) => byName.get(name),
    topicById: (topicId) => byId.get(topicId),
    partition: (name, partitionIndex) => byName.get(name)?.partitions[partitionIndex],
    broker: (id) => brokers.get(id),
  };
}
