import type { PartitionImage } from "#ports/controller.ts";

/**
 * The brokers of one new partition: round robin, so that leaders and replicas spread evenly. `brokerIds` are ascending and not
 * fewer than `replicationFactor`.
 */
function placedReplicas(brokerIds: readonly number[], replicationFactor: number, position: number): number[] {
  const replicas: number[] = [];
  for (let i = 0; i < replicationFactor; i++) replicas.push(brokerIds[(position + i) % brokerIds.length]);
  return replicas;
}

/** Where the partitions of one topic go: partition i at the place `start + i` of the round. */
export interface Round {
  /** Ascending, and not fewer than `replicationFactor`. */
  readonly brokerIds: readonly number[];
  readonly replicationFactor: number;
  readonly start: number;
  readonly numPartitions: number;
}

/** The replicas of each partition of a round. */
export function placedRound({ brokerIds, replicationFactor, start, numPartitions }: Round): number[][] {
  return Array.from({ length: numPartitions }, (_, i) => placedReplicas(brokerIds, replicationFactor, start + i));
}

/** How many replicas each broker gets by a round, without placing them: a round that finds no room must cost next to nothing. */
export function roundCounts(round: Round): Map<number, number> {
  const { brokerIds, replicationFactor, numPartitions } = round;
  const whole = Math.floor(numPartitions / brokerIds.length) * replicationFactor;
  const counts = new Map(brokerIds.map((brokerId) => [brokerId, whole]));
  addReplicas(counts, placedRound({ ...round, numPartitions: numPartitions % brokerIds.length }));
  return counts;
}

/** Adds what each broker gets by an assignment. */
export function addReplicas(counts: Map<number, number>, partitions: readonly (readonly number[])[]): void {
  for (const brokerIds of partitions) {
    for (const brokerId of brokerIds) counts.set(brokerId, (counts.get(brokerId) ?? 0) + 1);
  }
}

/** A partition as it begins. Only its leader is in sync: followers do not copy yet, and an ISR must not claim what is not so. */
export function newPartition(partitionIndex: number, replicas: readonly number[]): PartitionImage {
  return { partitionIndex, leaderId: replicas[0], leaderEpoch: 0, partitionEpoch: 0, replicas, isr: [replicas[0]] };
}
