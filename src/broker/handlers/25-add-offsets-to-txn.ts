/**
 * AddOffsetsToTxn, 0–4: adds a group's partition of `__consumer_offsets` to a producer's transaction, before TxnOffsetCommit commits offsets
 * for it. Clients of transactions V2 leave it out.
 *
 * Before version 2 a fenced producer hears INVALID_PRODUCER_EPOCH instead of PRODUCER_FENCED.
 */
import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from "#protocol/messages/25-add-offsets-to-txn.ts";
import { TransactionVersion } from "#transaction/state.ts";
import { handler } from "../handler.ts";
import { fencedError } from "../transaction/errors.ts";

const FIRST_VERSION_WITH_PRODUCER_FENCED = 2;

export const addOffsetsToTxn = handler({
  request: AddOffsetsToTxnRequest,
  response: AddOffsetsToTxnResponse,
  min: 0,
  max: 4,
  async handle({ broker, apiVersion }, { groupId, ...transaction }) {
    const partitionIndex = await broker.groups.partitionOf(groupId);
    if (partitionIndex === null) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE };
    const errorCode = await broker.transactions.addPartitions({
      ...transaction,
      partitions: [{ topic: GROUP_METADATA_TOPIC, partitionIndex }],
      clientVersion: TransactionVersion.V0,
    });
    return { errorCode: fencedError(errorCode, apiVersion >= FIRST_VERSION_WITH_PRODUCER_FENCED) };
  },
});
