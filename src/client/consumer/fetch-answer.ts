import type { BrokerAddress } from "#ports/transport.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { FetchResponse } from "#protocol/messages/01-fetch.ts";

export type FetchedPartition = FetchResponse["responses"][number]["partitions"][number];

/** What an error about one partition leads to. */
export type FetchVerdict = "again" | "other-leader" | "out-of-range" | "fail";

/** Errors that an application must hear of: no later attempt would do better. */
const FINAL: ReadonlySet<number> = new Set([
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
]);

/** Errors that say where the data isn't, so that the cluster must be asked where it is. */
const ELSEWHERE: ReadonlySet<number> = new Set([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REPLICA_NOT_AVAILABLE,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INCONSISTENT_TOPIC_ID,
]);

/** As Kafka's consumer does; what it doesn't know is tried again. */
export function fetchVerdict(errorCode: number): FetchVerdict {
  if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return "out-of-range";
  if (FINAL.has(errorCode)) return "fail";
  return ELSEWHERE.has(errorCode) ? "other-leader" : "again";
}

export function endpointsOf(response: FetchResponse): BrokerAddress[] {
  return response.nodeEndpoints.map(({ nodeId, host, port }) => ({ id: nodeId, host, port }));
}
