import type { ErrorCode } from "#protocol/errors.ts";
import { type BatchHeader, isControl, readBatchHeader, stampMaxTimestamp, type TimestampType } from "#records/batch.ts";
import { type Compression, codecOfTopic } from "#records/compression.ts";
import { type EndMarker, readMarker } from "#records/control-record.ts";
import type { RecordError } from "#records/record-errors.ts";
import { validateBatch } from "#records/validate.ts";
import { MAX_BATCH_BYTES } from "./limits.ts";
import type { ProducedBatch, ProducerState } from "./producer-state.ts";
import type { SegmentConfig } from "./segments.ts";
import type { VerificationGuard } from "./transaction-verification.ts";

/** The configs of a topic that decide about an append, by Kafka's names. */
export interface AppendConfig extends SegmentConfig {
  /** `max.message.bytes`; beyond MAX_BATCH_BYTES it has no effect. */
  readonly maxMessageBytes: number;
  /** `message.timestamp.type` */
  readonly timestampType: TimestampType;
  /** `message.timestamp.before.max.ms` */
  readonly timestampBeforeMaxMs: number;
  /** `message.timestamp.after.max.ms` */
  readonly timestampAfterMaxMs: number;
  /** Whether `cleanup.policy` has `compact`: then every record needs a key. */
  readonly compacted: boolean;
  /** `compression.type`; without, batches keep the codec of their producer. */
  readonly compressionType?: string;
  /** `producer.id.expiration.ms`; without, PRODUCER_ID_EXPIRATION_MS. */
  readonly producerIdExpirationMs?: number;
  /** `transaction.partition.verification.enable`; without, nothing is verified. */
  readonly verifiesTransactions?: boolean;
}

export interface AppendOptions {
  readonly config: AppendConfig;
  readonly leaderEpoch: number;
  readonly nowMs: number;
  /** A coordinator's batches carry no sequences; only their producer epochs are checked. */
  readonly origin: "client" | "coordinator";
  /** The version of the Produce request; the newest for a coordinator. */
  readonly produceVersion: number;
  /** What `startVerification` gave before the coordinator vouched for the batch. */
  readonly guard?: VerificationGuard | null;
  /** For a marker: the `transaction.version` under which its transaction was ended. */
  readonly transactionVersion?: number;
}

export interface Appended {
  readonly kind: "appended";
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Milliseconds since the epoch, -1 for CreateTime; for a duplicate, as in Kafka, the timestamp of the first append. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** The batch was appended before; these are its offsets. The answer still has to wait for the commit. */
  readonly duplicate: boolean;
}

export interface AppendRefused {
  readonly kind: "refused";
  readonly errorCode: ErrorCode;
  readonly errorMessage: string;
  readonly recordErrors: readonly RecordError[];
}

export type AppendOutcome = Appended | AppendRefused;

/** A batch that may be appended, its header as it will be stored. */
export interface AppendPlan {
  readonly kind: "append";
  readonly batch: BatchHeader & { readonly marker: EndMarker | null };
  readonly bytes: Uint8Array;
  readonly logAppendTimeMs: number;
}

export type AppendDecision = AppendPlan | { readonly kind: "duplicate"; readonly batch: ProducedBatch } | AppendRefused;

/**
 * Decides what to do with the bytes of one partition of a produce request. Stamps nothing but the timestamp, when the
 * topic wants it: that changes `records` in place.
 */
export function decideAppend(
  compression: Compression,
  producers: ProducerState,
  records: Uint8Array,
  at: AppendOptions & { readonly logEndOffset: number },
): AppendDecision {
  const { config } = at;
  const valid = validateBatch(compression, records, {
    produceVersion: at.produceVersion,
    maxMessageBytes: Math.min(config.maxMessageBytes, MAX_BATCH_BYTES),
    timestampType: config.timestampType,
    timestampBeforeMaxMs: config.timestampBeforeMaxMs,
    timestampAfterMaxMs: config.timestampAfterMaxMs,
    compacted: config.compacted,
    codec: at.origin === "coordinator" ? null : codecOfTopic(config.compressionType ?? "producer"),
    nowMs: at.nowMs,
    byCoordinator: at.origin === "coordinator",
  });
  if (!valid.ok) {
    return {
      kind: "refused",
      errorCode: valid.errorCode,
      errorMessage: valid.message,
      recordErrors: valid.recordErrors,
    };
  }
  const { header, maxTimestampMs, stamp } = valid;
  const batch = {
    ...header,
    baseOffset: at.logEndOffset,
    partitionLeaderEpoch: at.leaderEpoch,
    maxTimestamp: maxTimestampMs,
    marker: isControl(header.attributes) ? readMarker(records, 0) : null,
  };
  if (header.producerId >= 0) {
    const sequence = producers.check(batch, {
      isClient: at.origin === "client",
      verifies: config.verifiesTransactions ?? false,
      guard: at.guard,
      transactionVersion: at.transactionVersion,
    });
    if (sequence.kind === "duplicate") return sequence;
    if (sequence.kind === "refused") return refuse(sequence.errorCode, sequence.errorMessage);
  }
  const bytes = valid.repacked ?? records;
  if (stamp !== null) stampMaxTimestamp(compression.kernels, bytes, 0, stamp);
  const { attributes } = stamp === null ? header : readBatchHeader(bytes, 0);
  return {
    kind: "append",
    batch: { ...batch, attributes },
    bytes: bytes.length === valid.sizeInBytes ? bytes : bytes.subarray(0, valid.sizeInBytes),
    logAppendTimeMs: config.timestampType === "LogAppendTime" ? maxTimestampMs : -1,
  };
}

function refuse(errorCode: ErrorCode, errorMessage: string): AppendRefused {
  return { kind: "refused", errorCode, errorMessage, recordErrors: [] };
}
