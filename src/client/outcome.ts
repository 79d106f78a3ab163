import { ErrorCode } from "#protocol/errors.ts";

/** What a client call came to: its value, or Kafka's error code with the broker's own sentence where it sent one. */
export type Outcome<T> = Success<T> | Failure;

export interface Success<T> {
  readonly errorCode: typeof ErrorCode.NONE;
  readonly value: T;
}

export interface Failure {
  readonly errorCode: Exclude<ErrorCode, typeof ErrorCode.NONE>;
  readonly message: string | null;
}

export function success<T>(value: T): Success<T> {
  return { errorCode: ErrorCode.NONE, value };
}

export function failure(errorCode: number, message: string | null = null): Failure {
  if (errorCode === ErrorCode.NONE) throw new Error("a failure has an error code");
  return { errorCode: errorCode as Failure["errorCode"], message };
}

export function failed<T>(outcome: Outcome<T>): outcome is Failure {
  return outcome.errorCode !== ErrorCode.NONE;
}
