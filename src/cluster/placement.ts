import type { PartitionImage } from "#ports/controller.ts";

/**
 * The brokers of one new partition: round robin, so that leaders and replicas spread evenly. `brokerIds` are ascending and not
 * fewer than `replicationFactor`.
 */
export function placedReplicas(brokerIds: readonly number[], replicationFactor: number, position: number): number[] {
  const replicas: number[] = [];
  for (let i = 0; i < replicationFactor; i++) replicas.push(brokerIds[(position + i) % brokerIds.length]);
  return replicas;
}

/** A partition as it begins. Only its leader is in sync: followers do not copy yet, and an ISR must not claim what is not so. */
export function newPartition(partitionIndex: number, replicas: readonly number[]): PartitionImage {
  return { partitionIndex, leaderId: replicas[0], leaderEpoch: 0, partitionEpoch: 0, replicas, isr: [replicas[0]] };
}
