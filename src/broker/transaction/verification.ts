import { ErrorCode } from "#protocol/errors.ts";
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from "#protocol/messages/24-add-partitions-to-txn.ts";
import { type TopicPartition, TransactionVersion } from "#transaction/state.ts";
import type { Broker } from "../broker.ts";

/**
 * What a client's version lets a leader do for it: `add` the partition to the transaction (transactions V2), or `verify` that the client has
 * added it; `verify-old` where the client doesn't know TRANSACTION_ABORTABLE.
 */
export type TransactionSupport = "add" | "verify" | "verify-old";

export function supportOfProduce(apiVersion: number): TransactionSupport {
  if (apiVersion >= 12) return "add";
  return apiVersion === 11 ? "verify" : "verify-old";
}

export function supportOfTxnOffsetCommit(apiVersion: number): TransactionSupport {
  if (apiVersion >= 5) return "add";
  return apiVersion === 4 ? "verify" : "verify-old";
}

export interface VerificationRequest {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitions: readonly TopicPartition[];
  readonly support: TransactionSupport;
}

/**
 * Asks a transaction's coordinator, wherever it is, whether partitions belong to the producer's open transaction, or adds them (KIP-890). One
 * outcome per partition. Requests of one producer follow each other here in the order in which they came.
 */
export class TransactionVerification {
  readonly #broker: Broker;
  /** The last request of each producer that waits for a coordinator. */
  readonly #tails = new Map<number, Promise<unknown>>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Whether appends of the producer wait: later ones must not overtake them. */
  isBusy(producerId: number): boolean {
    return this.#tails.has(producerId);
  }

  /** Runs `work` when all that came before it for the producer is done. */
  inOrder<T>(producerId: number, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(producerId);
    const result = before === undefined ? work() : before.then(work, work);
    const tail: Promise<unknown> = result
      .catch(() => undefined)
      .then(() => {
        if (this.#tails.get(producerId) === tail) this.#tails.delete(producerId);
      });
    this.#tails.set(producerId, tail);
    return result;
  }

  async ask(request: VerificationRequest): Promise<readonly ErrorCode[]> {
    const { support } = request;
    const outcomes = await this.#askCoordinator(request);
    return outcomes.map((errorCode) => {
      // Producers know this error of Produce, and how to go on after it.
      if (errorCode === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH;
      const isTooNew = errorCode === ErrorCode.TRANSACTION_ABORTABLE && support === "verify-old";
      return isTooNew ? ErrorCode.INVALID_TXN_STATE : errorCode;
    });
  }

  /** Whether the partitions are added already, in this turn: by a coordinator in this broker that has nothing to wait for. */
  askAtOnce(request: VerificationRequest): boolean {
    if (request.support !== "add") return false;
    return this.#broker.transactions.addPartitionsAtOnce({ ...request, clientVersion: TransactionVersion.V2 });
  }

  /** The producer's former transaction may want its markers still; a coordinator elsewhere waits for them itself. */
  async untilSettled(transactionalId: string): Promise<void> {
    await this.#broker.transactions.untilSettled(transactionalId);
  }

  async #askCoordinator(request: VerificationRequest): Promise<readonly ErrorCode[]> {
    const { transactions } = this.#broker;
    const coordinator = await transactions.coordinatorOf(request.transactionalId);
    if (coordinator === null) return request.partitions.map(() => ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (coordinator.brokerId !== this.#broker.brokerId) return this.#askThere(coordinator.brokerId, request);
    if (request.support !== "add") return transactions.verifyPartitions(request);
    const errorCode = await transactions.addPartitions({ ...request, clientVersion: TransactionVersion.V2 });
    return request.partitions.map(() => errorCode);
  }

  async #askThere(brokerId: number, request: VerificationRequest): Promise<readonly ErrorCode[]> {
    const { transactionalId, producerId, producerEpoch, partitions, support } = request;
    const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
    const topics = [...byTopic].map(([name, group]) => ({ name, partitions: group.map((one) => one.partitionIndex) }));
    const answer = await this.#broker.peers.ask(brokerId, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, {
      transactions: [{ transactionalId, producerId, producerEpoch, verifyOnly: support !== "add", topics }],
    });
    if (answer === null) return partitions.map(() => ErrorCode.NETWORK_EXCEPTION);
    const outcomes = new Map(
      answer.resultsByTransaction.flatMap(({ topicResults }) =>
        topicResults.flatMap(({ name, resultsByPartition }) =>
          resultsByPartition.map((one) => [`${one.partitionIndex} ${name}`, one.partitionErrorCode] as const),
        ),
      ),
    );
    return partitions.map(({ topic, partitionIndex }) => {
      const errorCode = outcomes.get(`${partitionIndex} ${topic}`) ?? answer.errorCode;
      return (errorCode || (outcomes.size === 0 ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.NONE)) as ErrorCode;
    });
  }
}
