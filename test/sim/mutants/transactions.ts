import type { Mutant } from "./mutant.ts";

const FETCH_READ = "src/broker/fetch-read.ts";
const PRODUCER_STATE = "src/log/producer-state.ts";

/** Bugs in transactions. */
export const TRANSACTION_MUTANTS: readonly Mutant[] = [
  {
    name: "read_committed reads to the high watermark",
    file: FETCH_READ,
    from: "const upperBound = committedOnly ? log.lastStableOffset : log.highWatermark;",
    to: "const upperBound = log.highWatermark;",
    seeds: 60,
  },
  {
    name: "nobody is told which transactions were aborted",
    file: FETCH_READ,
    from: "abortedTransactions: log.abortedTransactions(target.fetchOffset, nextOffset)",
    to: "abortedTransactions: []",
    seeds: 60,
  },
  {
    name: "whoever takes a transactional id keeps its epoch",
    file: "src/transaction/init-producer-id.ts",
    from: "const bumped = { producerId, producerEpoch: producerEpoch + 1 };",
    to: "const bumped = { producerId, producerEpoch: Math.max(producerEpoch, 0) };",
    seeds: 60,
  },
  {
    name: "offsets of a transaction count at once",
    file: "src/group/offsets.ts",
    from: "else offsets.applyPending(producer.producerId, position, committed);",
    to: "else offsets.apply(position, committed);",
    seeds: 60,
  },
  {
    name: "a replay takes the offsets of a transaction at once",
    file: "src/group/coordinator.ts",
    from: "        this.offsets.applyPending(producer.producerId, change.position, change.committed);\n",
    to: "        this.offsets.apply(change.position, change.committed);\n",
    seeds: 200,
  },
  {
    name: "a replay takes the offsets of aborted transactions",
    file: "src/group/coordinator.ts",
    from: "  replayMarker(marker: TransactionMarker): void {\n    this.offsets.endTransaction(marker.producerId, marker.isCommit);",
    to: "  replayMarker(marker: TransactionMarker): void {\n    this.offsets.endTransaction(marker.producerId, true);",
    seeds: 200,
  },
  {
    name: "a snapshot forgets which transactions are open",
    file: PRODUCER_STATE,
    from: "      this.transactions.begin(producerId, currentTxnFirstOffset);\n",
    to: "      if (producerId < 0) this.transactions.begin(producerId, currentTxnFirstOffset);\n",
    seeds: 200,
  },
  {
    name: "an old epoch may append",
    file: PRODUCER_STATE,
    from: "return oldEpoch(batch, entry);\n    const transactional",
    to: "entry.producerEpoch = batch.producerEpoch;\n    const transactional",
    seeds: 200,
  },
  {
    name: "stable offsets are the same as others",
    file: "src/broker/group-coordinators.ts",
    from: "return machine.fetchOffsets(groupId, topics, requireStable);",
    to: "return machine.fetchOffsets(groupId, topics, false);",
    seeds: 100,
  },
  {
    name: "the markers of aborted transactions say that they were committed",
    file: "src/broker/handlers/27-write-txn-markers.ts",
    from: "isCommit: transactionResult };",
    to: "isCommit: transactionResult || producerEpoch >= 0 };",
    seeds: 60,
  },
  {
    name: "a coordinator that starts doesn't go on with what was decided",
    file: "src/transaction/coordinator.ts",
    from: "    for (const transaction of [...this.transactions.all()]) this.transactions.resume(transaction, turn);\n",
    to: "",
    seeds: 100,
  },
  {
    name: "a fenced producer may end the transaction of its successor",
    file: "src/transaction/end-transaction.ts",
    from: "  if (current.producerEpoch !== producerEpoch) return withoutProducerId(ErrorCode.PRODUCER_FENCED);\n  switch",
    to: "  if (current.producerEpoch < producerEpoch) return withoutProducerId(ErrorCode.PRODUCER_FENCED);\n  switch",
    seeds: 200,
  },
  {
    name: "nobody asks whether a batch belongs to its transaction",
    file: PRODUCER_STATE,
    from: "    if (verifies && (guard ?? null)",
    to: "    if (verifies && batch.producerId < 0 && (guard ?? null)",
    seeds: 400,
  },
  {
    name: "the last stable offset moves before the marker is committed",
    file: "src/log/transaction-open.ts",
    from: "    for (const { firstOffset } of this.ended) if (first === null || firstOffset < first) first = firstOffset;\n",
    to: "",
    seeds: 400,
  },
  {
    name: "a marker that got lost is not sent again",
    file: "src/broker/transaction-markers.ts",
    from: "return partitions.filter((_, index) => outcomes[index] !== ErrorCode.NONE);",
    to: "return partitions.filter((_, index) => outcomes[index] === ErrorCode.NOT_LEADER_OR_FOLLOWER);",
    seeds: 200,
  },
];
