import type { VerificationGuard } from "#log/transaction-verification.ts";
import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import { BATCH_HEADER_BYTES, isTransactional, MAGIC_V2, readBatchHeader } from "#records/batch.ts";
import type { RequestContext } from "../handler.ts";
import { supportOfProduce, type TransactionSupport, type VerificationRequest } from "./verification.ts";

const MAGIC_AT = 16;
/** The low byte of the attributes. */
const FLAGS_AT = 22;

/** The first batch of one partition of a Produce, when it is transactional. */
export interface TransactionalBatch {
  readonly topic: TopicImage;
  readonly partitionIndex: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/** What the coordinator's answer means for one partition: its batch may be appended with the guard, or it is refused. */
export type Admission =
  | { readonly errorCode: 0; readonly guard: VerificationGuard | null }
  | { readonly errorCode: Exclude<ErrorCode, 0>; readonly errorMessage: string };

export type Admissions = ReadonlyMap<string, Admission>;

export const NO_ADMISSIONS: Admissions = new Map();

export function admissionKey(topic: TopicImage, partitionIndex: number): string {
  return `${partitionIndex} ${topic.topicId}`;
}

/** The header is believed only as far as it decides what to ask: whether it is true is found out by the append. */
export function transactionalHeader(records: Uint8Array | null) {
  if (records === null || records.length < BATCH_HEADER_BYTES || records[MAGIC_AT] !== MAGIC_V2) return null;
  // Most batches are not, and needn't be read twice.
  if (!isTransactional(records[FLAGS_AT])) return null;
  const header = readBatchHeader(records, 0);
  return header.producerId >= 0 ? header : null;
}

/**
 * Finds out which of the batches may be appended, all of one producer: those whose transaction has begun in the partition may at
 * once. For the others the coordinator must vouch; null when nothing has to be asked.
 */
export class ProduceAdmission {
  readonly #context: RequestContext;
  readonly #transactionalId: string;
  readonly #support: TransactionSupport;
  readonly #admissions = new Map<string, Admission>();
  readonly #toAsk: { readonly batch: TransactionalBatch; readonly guard: VerificationGuard }[] = [];

  constructor(context: RequestContext, transactionalId: string) {
    this.#context = context;
    this.#transactionalId = transactionalId;
    this.#support = supportOfProduce(context.apiVersion);
  }

  /** In one turn with the append that follows when `mustAsk` is false. */
  begin(batches: readonly TransactionalBatch[]): void {
    const { broker, nowMs } = this.#context;
    for (const batch of batches) {
      const { topic, partitionIndex } = batch;
      const log = broker.lead(topic, partitionIndex);
      const isAsked = this.#support === "add" || broker.configOf(topic).verifiesTransactions;
      // The append says what is wrong with a partition that can't be written to.
      if (typeof log === "number" || topic.isInternal || !isAsked) continue;
      const started = log.producers.startVerification({ ...batch, addsPartition: this.#support === "add" }, nowMs);
      if (started.kind === "started") this.#toAsk.push({ batch, guard: started.guard });
      if (started.kind === "refused") this.#refuse(batch, started.errorCode, started.errorMessage);
    }
  }

  get mustAsk(): boolean {
    return this.#toAsk.length > 0;
  }

  get admissions(): Admissions {
    return this.#admissions;
  }

  /** To be followed in the same turn by the append, so that both are in one commit, where nothing has to be asked any more. */
  askAtOnce(): void {
    if (this.#toAsk.length === 0 || !this.#context.broker.verification.askAtOnce(this.#question())) return;
    for (const { batch, guard } of this.#toAsk.splice(0)) {
      this.#admissions.set(admissionKey(batch.topic, batch.partitionIndex), { errorCode: ErrorCode.NONE, guard });
    }
  }

  async untilSettled(): Promise<void> {
    if (this.#support === "add") await this.#context.broker.verification.untilSettled(this.#transactionalId);
  }

  #question(): VerificationRequest {
    const { producerId, producerEpoch } = this.#toAsk[0].batch;
    return {
      transactionalId: this.#transactionalId,
      producerId,
      producerEpoch,
      support: this.#support,
      partitions: this.#toAsk.map(({ batch }) => ({ topic: batch.topic.name, partitionIndex: batch.partitionIndex })),
    };
  }

  async ask(): Promise<void> {
    const outcomes = await this.#context.broker.verification.ask(this.#question());
    for (const [index, { batch, guard }] of this.#toAsk.entries()) {
      const errorCode = outcomes[index];
      if (errorCode !== ErrorCode.NONE) this.#refuse(batch, errorCode);
      else this.#admissions.set(admissionKey(batch.topic, batch.partitionIndex), { errorCode, guard });
    }
  }

  #refuse(
    { topic, partitionIndex }: TransactionalBatch,
    errorCode: ErrorCode,
    message = errorMessage(errorCode),
  ): void {
    const told = this.#told(errorCode);
    if (told === ErrorCode.NONE) throw new Error("no error refuses nothing");
    const text = told === errorCode ? message : `The transaction's coordinator can't be asked now: ${message}`;
    this.#admissions.set(admissionKey(topic, partitionIndex), { errorCode: told, errorMessage: text });
  }

  /** Producers know nothing of coordinators behind a Produce: what passes is told in a way that they try again. */
  #told(errorCode: ErrorCode): ErrorCode {
    switch (errorCode) {
      case ErrorCode.NETWORK_EXCEPTION:
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
        return ErrorCode.NOT_ENOUGH_REPLICAS;
      case ErrorCode.CONCURRENT_TRANSACTIONS:
        return this.#support === "add" ? errorCode : ErrorCode.NOT_ENOUGH_REPLICAS;
      default:
        return errorCode;
    }
  }
}
