import { longOf } from "#cluster/config-definition.ts";
import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import type { ClusterImage } from "#ports/controller.ts";
import type { GroupEnvironment } from "#ports/coordinator-log.ts";
import type { Random } from "#ports/random.ts";
import type { Broker } from "../broker.ts";
import { shareGroupConfig } from "../share/settings.ts";
import { streamsGroupConfig } from "../streams-settings.ts";
import { coordinatorEnvironment } from "./environment.ts";

/** `__consumer_offsets` and the topics of the cluster, as the group coordinators of one broker see them. */
export function groupEnvironment(broker: Broker, ports: { readonly random: Random }): GroupEnvironment {
  return {
    ...coordinatorEnvironment(broker, GROUP_METADATA_TOPIC, ports),
    imageVersion: () => broker.cluster.image.version,
    topicName: (topicId) => broker.cluster.topicById(topicId)?.name,
    topicId: (topicName) => broker.cluster.topicByName(topicName)?.topicId,
    partitionCountOf: (topicName) => broker.cluster.topicByName(topicName)?.partitions.length ?? 0,
    topicNames: () => broker.cluster.image.topics.map(({ name }) => name),
    ownConsumerConfig: (groupId) => ownConsumerConfig(broker.cluster.image, groupId),
    shareConfig: (groupId) => shareGroupConfig(broker.cluster.image, broker.brokerId, groupId),
    streamsConfig: (groupId) => streamsGroupConfig(broker.cluster.image, broker.brokerId, groupId),
    hasPartition: (topicName, partitionIndex) => broker.cluster.partition(topicName, partitionIndex) !== undefined,
  };
}

/** Few groups have configs of their own, and every heartbeat asks. */
function ownConsumerConfig({ groupConfigs }: ClusterImage, groupId: string) {
  const own: Record<string, number> = {};
  if (!Object.hasOwn(groupConfigs, groupId)) return own;
  for (const [name, key] of CONSUMER_CONFIGS) {
    const value = groupConfigs[groupId][name];
    if (value !== undefined) own[key] = longOf(value);
  }
  return own;
}

const CONSUMER_CONFIGS = [
  ["consumer.session.timeout.ms", "sessionTimeoutMs"],
  ["consumer.heartbeat.interval.ms", "heartbeatIntervalMs"],
  ["consumer.assignment.interval.ms", "assignmentIntervalMs"],
] as const;
