import type { ClusterImage, NewTopic } from "#ports/controller.ts";
import { longOf } from "./config-definition.ts";
import { resolveBrokerConfig } from "./resolve-config.ts";
import { GROUP_METADATA_TOPIC, SHARE_GROUP_STATE_TOPIC, TRANSACTION_STATE_TOPIC } from "./topic-names.ts";

/** How an unknown topic is created when it is asked for: an internal one as its coordinator needs it. */
export function autoCreatedTopic(image: ClusterImage, brokerId: number, name: string): NewTopic {
  switch (name) {
    case GROUP_METADATA_TOPIC:
      return internalTopic(image, brokerId, {
        name,
        prefix: "offsets.topic",
        configs: { "compression.type": "producer" },
      });
    case TRANSACTION_STATE_TOPIC:
      return internalTopic(image, brokerId, {
        name,
        prefix: "transaction.state.log",
        configs: {
          "compression.type": "uncompressed",
          "min.insync.replicas": text(image, brokerId, "transaction.state.log.min.isr"),
          "unclean.leader.election.enable": "false",
        },
      });
    case SHARE_GROUP_STATE_TOPIC:
      return internalTopic(image, brokerId, {
        name,
        prefix: "share.coordinator.state.topic",
        configs: {
          "cleanup.policy": "delete",
          "compression.type": "producer",
          "min.insync.replicas": text(image, brokerId, "share.coordinator.state.topic.min.isr"),
          "retention.ms": "-1",
        },
      });
    default:
      return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] };
  }
}

function internalTopic(
  image: ClusterImage,
  brokerId: number,
  topic: { readonly name: string; readonly prefix: string; readonly configs: Readonly<Record<string, string>> },
): NewTopic {
  const configs: Record<string, string> = {
    "cleanup.policy": "compact",
    "segment.bytes": text(image, brokerId, `${topic.prefix}.segment.bytes`),
    ...topic.configs,
  };
  return {
    name: topic.name,
    numPartitions: longOf(text(image, brokerId, `${topic.prefix}.num.partitions`)),
    replicationFactor: longOf(text(image, brokerId, `${topic.prefix}.replication.factor`)),
    assignments: [],
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  };
}

function text(image: ClusterImage, brokerId: number, name: string): string {
  return resolveBrokerConfig(image, brokerId, name).value as string;
}
