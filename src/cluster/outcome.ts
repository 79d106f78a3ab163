import type { Outcome } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";

export const DONE: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null };

export function failure(errorCode: ErrorCode, errorMessage: string | null): Outcome {
  return { errorCode, errorMessage };
}

export function unknownTopic(): Outcome {
  return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "There is no such topic.");
}

export function isFailure(outcome: Outcome): boolean {
  return outcome.errorCode !== ErrorCode.NONE;
}

/** The values that come more than once. */
export function repeated(values: Iterable<string>): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) twice.add(value);
    seen.add(value);
  }
  return twice;
}
