import { ErrorCode } from "#protocol/errors.ts";
import type { ProducerIdAndEpoch } from "./producer-id.ts";
import {
  hasPartition,
  isPrepared,
  type TopicPartition,
  type Transaction,
  TransactionStatus,
  type TransactionVersion,
  withPartitions,
} from "./state.ts";
import { changed, type Transactions } from "./transactions.ts";
import type { Turn } from "./turn.ts";

export interface AddPartitionsCommand extends ProducerIdAndEpoch {
  readonly transactionalId: string;
  readonly partitions: readonly TopicPartition[];
  /** V2 when a partition's leader adds it for the producer. */
  readonly clientVersion: TransactionVersion;
}

/** One outcome for all of the partitions. */
export function addPartitions(transactions: Transactions, command: AddPartitionsCommand, turn: Turn): ErrorCode {
  const current = transactions.get(command.transactionalId);
  if (command.transactionalId === "") return ErrorCode.INVALID_REQUEST;
  const objection = objectionTo(current, command);
  if (current === undefined || objection !== ErrorCode.NONE) return objection;
  const isOngoing = current.status === TransactionStatus.ONGOING;
  const added = command.partitions.filter((partition) => !hasPartition(current.partitions, partition));
  if (isOngoing && added.length === 0) return ErrorCode.NONE;
  const next = changed(current, {
    status: TransactionStatus.ONGOING,
    partitions: withPartitions(current.partitions, added),
    startMs: isOngoing ? current.startMs : turn.nowMs,
    lastUpdateMs: turn.nowMs,
    clientVersion: command.clientVersion,
  });
  return transactions.store(next, turn) ? ErrorCode.NONE : ErrorCode.UNKNOWN_SERVER_ERROR;
}

/** Whether the partitions are in the producer's open transaction, asked by the leaders of old clients' partitions: one outcome each. */
export function verifyPartitions(
  transactions: Transactions,
  command: Omit<AddPartitionsCommand, "clientVersion">,
): readonly ErrorCode[] {
  const { transactionalId, partitions } = command;
  if (transactionalId === "") return partitions.map(() => ErrorCode.INVALID_REQUEST);
  const current = transactions.get(transactionalId);
  const objection = objectionTo(current, command);
  return partitions.map((partition) => {
    if (current === undefined || objection !== ErrorCode.NONE) return objection;
    return hasPartition(current.partitions, partition) ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE;
  });
}

function objectionTo(current: Transaction | undefined, { producerId, producerEpoch }: ProducerIdAndEpoch): ErrorCode {
  if (current === undefined || current.producerId !== producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  if (current.producerEpoch !== producerEpoch) return ErrorCode.PRODUCER_FENCED;
  return isPrepared(current) ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.NONE;
}
