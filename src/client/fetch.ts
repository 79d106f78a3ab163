import type { Uuid } from "#bytes/uuid.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { fetchApi } from "./apis.ts";
import type { Client } from "./client.ts";
import { failed, failure, type Outcome, success } from "./outcome.ts";

/** Where to read next in one partition. */
export interface FetchPosition {
  readonly partition: number;
  readonly offset: number;
}

export interface FetchFrom {
  readonly leaderId: number;
  readonly topicId: Uuid;
  /** Partitions that this leader leads. */
  readonly positions: readonly FetchPosition[];
}

export interface FetchLimits {
  /** How long the broker may wait for `minBytes`. */
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Of the whole answer; the first batch comes whole even if it is larger. */
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
}

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: ErrorCode;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  /** Record batches as stored; the first may begin before the offset asked for, the last may be cut off. */
  readonly records: Uint8Array;
}

const NO_RECORDS = new Uint8Array(0);

/** One long poll at one leader, over as many partitions of a topic as it leads. No retries; partition errors are in the value. */
export async function fetchRecords(
  client: Client,
  { leaderId, topicId, positions }: FetchFrom,
  limits: FetchLimits,
): Promise<Outcome<readonly FetchedPartition[]>> {
  const partitions = positions.map(({ partition, offset }) => ({
    partition,
    fetchOffset: offset,
    partitionMaxBytes: limits.partitionMaxBytes,
  }));
  const { maxWaitMs, minBytes, maxBytes } = limits;
  const draft = { maxWaitMs, minBytes, maxBytes, topics: [{ topicId, partitions }] };
  const answer = await client.call(leaderId, fetchApi, draft, { waitMs: maxWaitMs });
  if (failed(answer)) return answer;
  if (answer.value.errorCode !== ErrorCode.NONE) return failure(answer.value.errorCode);
  return success(
    answer.value.responses
      .flatMap((response) => response.partitions)
      .map((partition) => ({
        partition: partition.partitionIndex,
        errorCode: partition.errorCode as ErrorCode,
        highWatermark: partition.highWatermark,
        logStartOffset: partition.logStartOffset,
        records: partition.records ?? NO_RECORDS,
      })),
  );
}
