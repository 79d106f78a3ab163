import type { PartitionImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Broker } from "./broker.ts";

/** Where to turn instead, in the answers of Produce and Fetch (KIP-951): spares the client a Metadata request. */
export interface LeaderHint {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

const HINTED: ReadonlySet<number> = new Set([ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.FENCED_LEADER_EPOCH]);

export function currentLeader(errorCode: number, partition: PartitionImage | undefined): LeaderHint | undefined {
  if (partition === undefined || !HINTED.has(errorCode)) return undefined;
  return { leaderId: partition.leaderId, leaderEpoch: partition.leaderEpoch };
}

/** The addresses of the leaders that an answer names. */
export function nodeEndpoints(broker: Broker, leaderIds: readonly (number | undefined)[]) {
  const ids = new Set(leaderIds.filter((id) => id !== undefined));
  return [...ids].flatMap((id) => {
    const node = broker.cluster.broker(id);
    return node === undefined ? [] : [{ nodeId: id, host: node.host, port: node.port, rack: node.rack }];
  });
}
