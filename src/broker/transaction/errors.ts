import { ErrorCode } from "#protocol/errors.ts";

/** Versions that don't know PRODUCER_FENCED hear INVALID_PRODUCER_EPOCH in its place. */
export function fencedError(errorCode: ErrorCode, knowsProducerFenced: boolean): ErrorCode {
  return errorCode === ErrorCode.PRODUCER_FENCED && !knowsProducerFenced ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode;
}
