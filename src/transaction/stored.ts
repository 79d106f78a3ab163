import { MalformedMessageError } from "#bytes/malformed.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import {
  decodeStoredKey,
  decodeStoredValue,
  encodeStoredKey,
  encodeStoredValue,
  storedKind,
} from "#protocol/stored/record.ts";
import { TransactionLogKey, TransactionLogValue } from "#protocol/stored/transaction-log.ts";
import {
  NO_PARTITIONS,
  NO_PRODUCER_EPOCH,
  type PartitionSet,
  type Transaction,
  TransactionStatus,
  TransactionVersion,
} from "./state.ts";

// The state of a coordinator as the records of its partition of `__transaction_state`, in the version that Apache Kafka 4.4 writes.

const TRANSACTION_VALUE_VERSION = 1;

/** What a stored record says; `unknown` is a kind that no broker writes yet. */
export type StoredChange =
  | { readonly kind: "transaction"; readonly transactionalId: string; readonly transaction: Transaction | null }
  | { readonly kind: "unknown" };

export function transactionRecord(transaction: Transaction): CoordinatorRecord {
  const value = {
    producerId: transaction.producerId,
    previousProducerId: transaction.previousProducerId,
    nextProducerId: transaction.nextProducerId,
    producerEpoch: transaction.producerEpoch,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStatus: transaction.status,
    transactionPartitions:
      transaction.status === TransactionStatus.EMPTY ? null : partitionDrafts(transaction.partitions),
    transactionLastUpdateTimestampMs: transaction.lastUpdateMs,
    transactionStartTimestampMs: transaction.startMs,
    clientTransactionVersion: transaction.clientVersion,
  };
  return {
    key: transactionKey(transaction.transactionalId),
    value: encodeStoredValue(TransactionLogValue, value, TRANSACTION_VALUE_VERSION),
  };
}

export function transactionTombstone(transactionalId: string): CoordinatorRecord {
  return { key: transactionKey(transactionalId), value: null };
}

function transactionKey(transactionalId: string): Uint8Array {
  return encodeStoredKey(TransactionLogKey, { transactionalId });
}

function partitionDrafts(partitions: PartitionSet) {
  return [...partitions].map(([topic, indexes]) => ({ topic, partitionIds: [...indexes] }));
}

/** Reads a record of the log. Bytes that are no such record throw `MalformedMessageError`: the log is damaged. */
export function readTransactionRecord({ key, value }: CoordinatorRecord): StoredChange {
  if (storedKind(key) !== TransactionLogKey.apiKey) return { kind: "unknown" };
  const { transactionalId } = decodeStoredKey(TransactionLogKey, key);
  return {
    kind: "transaction",
    transactionalId,
    transaction: value === null ? null : transactionOf(transactionalId, value),
  };
}

function transactionOf(transactionalId: string, bytes: Uint8Array): Transaction {
  const value = decodeStoredValue(TransactionLogValue, bytes);
  const partitions = new Map(
    (value.transactionPartitions ?? []).map(({ topic, partitionIds }) => [topic, new Set(partitionIds)]),
  );
  return {
    transactionalId,
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    status: statusOf(value.transactionStatus),
    partitions: partitions.size === 0 ? NO_PARTITIONS : partitions,
    startMs: value.transactionStartTimestampMs,
    lastUpdateMs: value.transactionLastUpdateTimestampMs,
    clientVersion: versionOf(value.clientTransactionVersion),
  };
}

function statusOf(status: number): TransactionStatus {
  const known = Object.values(TransactionStatus).find((one) => one === status);
  if (known === undefined) throw new MalformedMessageError(`a stored transaction of the unknown state ${status}`);
  return known;
}

function versionOf(level: number): TransactionVersion {
  const known = Object.values(TransactionVersion).find((one) => one === level);
  if (known === undefined) throw new MalformedMessageError(`a stored transaction of the unknown version ${level}`);
  return known;
}
