/** The requests of transactions, each once: errors are outcomes, and who asks decides whether to ask again. */
import { ErrorCode } from "#protocol/errors.ts";
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  apiVersionsApi,
  endTxnApi,
  endTxnV1Api,
  initProducerIdApi,
  txnOffsetCommitApi,
  txnOffsetCommitV1Api,
} from "../apis.ts";
import type { CallOptions, Client } from "../client.ts";
import { failed, failure, type Outcome, success } from "../outcome.ts";
import type { GroupMetadata, OffsetAndMetadata, TopicPartition } from "../topic-partition.ts";
import type { Identity } from "./batch.ts";

export interface TransactionCaller {
  readonly client: Client;
  readonly call: CallOptions;
  readonly transactionalId: string;
  readonly identity: Identity;
}

const NO_IDENTITY: Identity = { producerId: -1, producerEpoch: -1 };
const V2_LEVEL = 2;

/** A new producer id, or with the current one a greater epoch; without a transactional id for idempotence alone. */
export async function initProducerId(
  brokerId: number | null,
  from: Omit<TransactionCaller, "identity" | "transactionalId"> & {
    readonly transactionalId: string | null;
    readonly transactionTimeoutMs: number;
    readonly identity?: Identity;
  },
): Promise<Outcome<Identity>> {
  const { transactionalId, transactionTimeoutMs, identity = NO_IDENTITY } = from;
  const draft = { transactionalId, transactionTimeoutMs, ...identity };
  const answer = await from.client.call(brokerId, initProducerIdApi, draft, from.call);
  if (failed(answer)) return answer;
  const { errorCode, producerId, producerEpoch } = answer.value;
  if (errorCode === ErrorCode.INVALID_PRODUCER_EPOCH) return failure(ErrorCode.PRODUCER_FENCED);
  return errorCode === ErrorCode.NONE ? success({ producerId, producerEpoch }) : failure(errorCode);
}

/** Does the cluster have transactions V2 (feature `transaction.version`)? */
export async function hasTransactionsV2(
  client: Client,
  brokerId: number,
  call: CallOptions,
): Promise<Outcome<boolean>> {
  const draft = { clientSoftwareName: "kedge-client", clientSoftwareVersion: "1" };
  const answer = await client.call(brokerId, apiVersionsApi, draft, call);
  if (failed(answer)) return answer;
  if (answer.value.errorCode !== ErrorCode.NONE) return failure(answer.value.errorCode);
  const feature = answer.value.finalizedFeatures.find(({ name }) => name === "transaction.version");
  return success((feature?.maxVersionLevel ?? 0) >= V2_LEVEL);
}

/** Which of the partitions are in the transaction now, and the worst of the errors about the others. */
export async function addPartitions(
  brokerId: number,
  from: TransactionCaller,
  partitions: readonly TopicPartition[],
): Promise<Outcome<void>> {
  const draft = {
    v3AndBelowTransactionalId: from.transactionalId,
    v3AndBelowProducerId: from.identity.producerId,
    v3AndBelowProducerEpoch: from.identity.producerEpoch,
    v3AndBelowTopics: [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, own]) => ({
      name,
      partitions: own.map(({ partition }) => partition),
    })),
  };
  const answer = await from.client.call(brokerId, addPartitionsToTxnApi, draft, from.call);
  if (failed(answer)) return answer;
  const results = answer.value.resultsByTopicV3AndBelow.flatMap((topic) => topic.resultsByPartition);
  return worst(results.map(({ partitionErrorCode }) => partitionErrorCode));
}

export async function addOffsets(brokerId: number, from: TransactionCaller, groupId: string): Promise<Outcome<void>> {
  const { transactionalId, identity } = from;
  const answer = await from.client.call(
    brokerId,
    addOffsetsToTxnApi,
    { transactionalId, ...identity, groupId },
    from.call,
  );
  if (failed(answer)) return answer;
  return worst([answer.value.errorCode]);
}

export interface OffsetsToCommit {
  readonly group: GroupMetadata;
  readonly offsets: readonly OffsetAndMetadata[];
  readonly isV2: boolean;
}

export async function commitOffsets(
  brokerId: number,
  from: TransactionCaller,
  { group, offsets, isV2 }: OffsetsToCommit,
): Promise<Outcome<void>> {
  const draft = {
    transactionalId: from.transactionalId,
    ...from.identity,
    groupId: group.groupId,
    generationIdOrMemberEpoch: group.generationIdOrMemberEpoch ?? -1,
    memberId: group.memberId ?? "",
    groupInstanceId: group.groupInstanceId ?? null,
    topics: [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, own]) => ({
      name,
      partitions: own.map(({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        committedMetadata: metadata ?? "",
      })),
    })),
  };
  const api = isV2 ? txnOffsetCommitApi : txnOffsetCommitV1Api;
  const answer = await from.client.call(brokerId, api, draft, from.call);
  if (failed(answer)) return answer;
  return worst(answer.value.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)));
}

/** The identity for the next transaction: a new one in V2, null in V1. */
export async function endTransaction(
  brokerId: number,
  from: TransactionCaller,
  how: { readonly committed: boolean; readonly isV2: boolean },
): Promise<Outcome<Identity | null>> {
  const draft = { transactionalId: from.transactionalId, ...from.identity, committed: how.committed };
  const answer = await from.client.call(brokerId, how.isV2 ? endTxnApi : endTxnV1Api, draft, from.call);
  if (failed(answer)) return answer;
  const { producerId, producerEpoch } = answer.value;
  const outcome = worst([answer.value.errorCode]);
  if (failed(outcome)) return outcome;
  return success(how.isV2 && producerId >= 0 ? { producerId, producerEpoch } : null);
}

/** An old epoch in a request to a coordinator means that another producer has taken over. */
function worst(errorCodes: readonly number[]): Outcome<void> {
  const bad = errorCodes.filter((code) => code !== ErrorCode.NONE);
  // What was left alone because of another error isn't the reason.
  const reason = bad.find((code) => code !== ErrorCode.OPERATION_NOT_ATTEMPTED) ?? bad[0];
  if (reason === undefined) return success(undefined);
  return failure(reason === ErrorCode.INVALID_PRODUCER_EPOCH ? ErrorCode.PRODUCER_FENCED : reason);
}
