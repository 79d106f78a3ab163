/** The slow way over a batch that has been found to hold unacceptable records: which ones, and why. */
import { Reader } from "#bytes/reader.ts";
import { type BatchHeader, NO_TIMESTAMP, type TimestampType, timestampTypeOf } from "./batch.ts";

/** A response can't grow with what a client sends; Kafka would list them all. */
export const MAX_RECORD_ERRORS = 1000;

/** One entry of `recordErrors` in a produce response (KIP-467). */
export interface RecordError {
  /** The record's place in the batch, from 0. */
  readonly batchIndex: number;
  readonly message: string;
}

/** What a topic asks of each record. */
export interface RecordRules {
  readonly nowMs: number;
  readonly timestampType: TimestampType;
  /** The topic's `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** Whether `cleanup.policy` has `compact`: each record needs a key. */
  readonly compacted: boolean;
}

export interface RecordErrors {
  readonly errors: RecordError[];
  /** Kafka answers INVALID_TIMESTAMP as soon as one record has a bad timestamp, else INVALID_RECORD. */
  readonly kind: "timestamp" | "key";
}

/** Looks at every record in `plain`, whose structure a scan has already found sound. */
export function findRecordErrors(plain: Uint8Array, header: BatchHeader, rules: RecordRules): RecordErrors {
  const reader = new Reader(plain);
  const batchType = timestampTypeOf(header.attributes);
  const errors: RecordError[] = [];
  let kind: RecordErrors["kind"] = "key";
  for (let batchIndex = 0; batchIndex < header.recordCount; batchIndex++) {
    const length = reader.varint();
    const end = reader.position + length;
    reader.skip(1);
    const createTime = header.baseTimestamp + readVarlongSaturated(reader);
    reader.varint();
    const isKeyless = reader.varint() < 0;
    reader.position = end;
    if (rules.compacted && isKeyless) {
      addError(errors, batchIndex, "A record of a compacted topic needs a key.");
      continue;
    }
    const fault = timestampFault(batchType === "LogAppendTime" ? header.maxTimestamp : createTime, batchType, rules);
    if (fault === null) continue;
    kind = "timestamp";
    addError(errors, batchIndex, fault);
  }
  return { errors, kind };
}

function addError(errors: RecordError[], batchIndex: number, message: string): void {
  if (errors.length < MAX_RECORD_ERRORS) errors.push({ batchIndex, message });
}

/** Whether a timestamp lies outside what the topic allows. A record without one is never out of range. */
export function isOutOfRange(timestamp: number, rules: RecordRules): boolean {
  if (timestamp === NO_TIMESTAMP || timestamp === Number.POSITIVE_INFINITY) return false;
  const age = rules.nowMs - timestamp;
  return age > rules.timestampBeforeMaxMs || -age > rules.timestampAfterMaxMs;
}

/** What is wrong with a record's timestamp, or null. */
function timestampFault(timestamp: number, batchType: TimestampType, rules: RecordRules): string | null {
  if (rules.timestampType === "CreateTime" && timestamp !== NO_TIMESTAMP) {
    return isOutOfRange(timestamp, rules) ? describeTimestamp(timestamp, rules) : null;
  }
  return batchType === "LogAppendTime" ? "A producer may not set the timestamp type LogAppendTime." : null;
}

function describeTimestamp(timestamp: number, rules: RecordRules): string {
  const least = rules.nowMs - rules.timestampBeforeMaxMs;
  const most = rules.nowMs + rules.timestampAfterMaxMs;
  return `The timestamp ${timestamp} is out of range: it should be within [${least}, ${most}].`;
}

/** A varlong of any size as a double. */
function readVarlongSaturated(reader: Reader): number {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.uint8();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const unsigned = BigInt.asUintN(64, value);
  return Number(BigInt.asIntN(64, (unsigned >> 1n) ^ -(unsigned & 1n)));
}
