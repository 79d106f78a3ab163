import { ErrorCode } from "#protocol/errors.ts";
import type { ReadBatches } from "./read.ts";

export interface OffsetOutOfRange {
  readonly kind: "refused";
  readonly errorCode: ErrorCode;
}

export type ReadOutcome = ReadBatches | OffsetOutOfRange;

export type DeleteRecordsOutcome = { readonly kind: "deleted"; readonly logStartOffset: number } | OffsetOutOfRange;

export const OUT_OF_RANGE: OffsetOutOfRange = { kind: "refused", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };
export const TIERED: OffsetOutOfRange = { kind: "refused", errorCode: ErrorCode.KAFKA_STORAGE_ERROR };
export const FULL = {
  kind: "refused",
  errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
  errorMessage: "The broker's store has no room, or has just failed; try again.",
} as const;
export const CLOSED = { kind: "refused", errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION } as const;

export const EMPTY = {
  logStartOffset: 0,
  logEndOffset: 0,
  nextSequence: 0,
  runningMaxTimestamp: -1,
  firstDirtyOffset: 0,
  replayedRows: 0,
  replayedBatches: 0,
};
