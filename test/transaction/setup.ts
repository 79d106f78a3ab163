import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { type ErrorCode, errorName } from "#protocol/errors.ts";
import { TransactionCoordinator } from "#transaction/coordinator.ts";
import { DEFAULT_TRANSACTION_CONFIG, type TransactionConfig } from "#transaction/limits.ts";
import { type MaybeReply, NEEDS_PRODUCER_ID, type ProducerIdAndEpoch } from "#transaction/producer-id.ts";
import type { TopicPartition, TransactionVersion } from "#transaction/state.ts";
import { readTransactionRecord, transactionRecord } from "#transaction/stored.ts";
import type { Decision, WriteMarkers } from "#transaction/turn.ts";

export const T0: TopicPartition = { topic: "t", partitionIndex: 0 };
export const T1: TopicPartition = { topic: "t", partitionIndex: 1 };

/** One coordinator with its log, driven without a broker. Producer ids count up from 100. */
export class World {
  readonly config: TransactionConfig;
  readonly log: CoordinatorRecord[] = [];
  machine: TransactionCoordinator;
  markers: WriteMarkers[] = [];
  nowMs = 1_000_000;
  private nextProducerId = 100;

  constructor(config: Partial<TransactionConfig> = {}) {
    this.config = { ...DEFAULT_TRANSACTION_CONFIG, ...config };
    this.machine = new TransactionCoordinator(this.config, 0);
    this.carryOut(this.machine.onLoaded(this.nowMs));
  }

  carryOut<R>(decision: Decision<R>): R {
    this.log.push(...decision.records);
    for (const effect of decision.effects ?? []) this.markers.push(effect);
    return decision.response;
  }

  /** Another coordinator takes over with what the log says. */
  reload(): void {
    this.machine = new TransactionCoordinator(this.config, this.log.length);
    for (const record of this.log) this.machine.replay(record);
    this.markers = [];
    this.carryOut(this.machine.onLoaded(this.nowMs));
  }

  /** The producer is at this epoch, as if it had been initialised often. */
  skipTo(producer: ProducerIdAndEpoch, producerEpoch: number): ProducerIdAndEpoch {
    const record = this.log.at(-1);
    const stored = record === undefined ? undefined : readTransactionRecord(record);
    if (stored?.kind !== "transaction" || stored.transaction === null) throw new Error("nothing is stored yet");
    const skipped = transactionRecord({ ...stored.transaction, producerEpoch });
    this.log.push(skipped);
    this.machine.replay(skipped);
    return { ...producer, producerEpoch };
  }

  private withId(decide: (fresh: number | null) => Decision<MaybeReply>) {
    let reply = this.carryOut(decide(null));
    if (reply === NEEDS_PRODUCER_ID) reply = this.carryOut(decide(this.nextProducerId++));
    if (reply === NEEDS_PRODUCER_ID) throw new Error("it has been given an id");
    return { ...reply, errorCode: nameOf(reply.errorCode) };
  }

  init(expected: ProducerIdAndEpoch | null = null, options: { timeoutMs?: number; transactionalId?: string } = {}) {
    const { timeoutMs = 60_000, transactionalId = "id" } = options;
    return this.withId((freshProducerId) =>
      this.machine.initProducerId({ transactionalId, timeoutMs, expected, freshProducerId }, this.nowMs),
    );
  }

  add(
    producer: ProducerIdAndEpoch,
    partitions: readonly TopicPartition[],
    clientVersion: TransactionVersion = 0,
  ): string {
    const { producerId, producerEpoch } = producer;
    const command = { transactionalId: "id", producerId, producerEpoch, partitions, clientVersion };
    return nameOf(this.carryOut(this.machine.addPartitions(command, this.nowMs)));
  }

  end(producer: ProducerIdAndEpoch, isCommit: boolean, clientVersion: TransactionVersion = 0) {
    const { producerId, producerEpoch } = producer;
    const command = { transactionalId: "id", producerId, producerEpoch, isCommit, clientVersion };
    return this.withId((freshProducerId) => this.machine.endTransaction({ ...command, freshProducerId }, this.nowMs));
  }

  /** All markers are written. */
  complete(): void {
    for (const effect of this.markers.splice(0)) this.carryOut(this.machine.complete(effect, this.nowMs));
  }

  async advance(byMs: number): Promise<void> {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      const next = this.machine.nextTimer();
      if (next === null || next.deadlineMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next.deadlineMs);
      this.carryOut(this.machine.onTimer(next.key, this.nowMs));
    }
    this.nowMs = untilMs;
  }

  get status(): string {
    return this.machine.describe("id")?.status ?? "none";
  }
}

function nameOf(errorCode: ErrorCode): string {
  return errorName(errorCode) ?? String(errorCode);
}
