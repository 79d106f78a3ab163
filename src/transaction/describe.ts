import { type PartitionSet, statusName, type Transaction } from "./state.ts";
import type { Transactions } from "./transactions.ts";

export interface DescribedTransaction {
  readonly status: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  readonly startMs: number;
  readonly partitions: PartitionSet;
}

/** What ListTransactions asks for; empty sets mean everything. */
export interface TransactionFilters {
  readonly statusNames: ReadonlySet<string>;
  readonly producerIds: ReadonlySet<number>;
  /** Only those that began longer ago; below 0 all. */
  readonly durationMs: number;
}

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly status: string;
}

export function describeTransaction(transaction: Transaction): DescribedTransaction {
  const { status, producerId, producerEpoch, timeoutMs, startMs, partitions } = transaction;
  return { status: statusName(status), producerId, producerEpoch, timeoutMs, startMs, partitions };
}

export function listTransactions(
  transactions: Transactions,
  filters: TransactionFilters,
  nowMs: number,
): ListedTransaction[] {
  const listed: ListedTransaction[] = [];
  for (const { transactionalId, producerId, startMs, status: code } of transactions.all()) {
    const status = statusName(code);
    if (filters.producerIds.size > 0 && !filters.producerIds.has(producerId)) continue;
    if (filters.statusNames.size > 0 && !filters.statusNames.has(status)) continue;
    if (filters.durationMs >= 0 && nowMs - startMs <= filters.durationMs) continue;
    listed.push({ transactionalId, producerId, status });
  }
  return listed;
}
