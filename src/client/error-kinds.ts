import { ErrorCode, isRetriable } from "#protocol/errors.ts";

/** What an application can do about an error of a transaction (KIP-1050). */
export type ErrorKind =
  /** Nothing: the client itself tries again. */
  | "retriable"
  /** Abort the transaction and begin another. */
  | "abortable"
  /** Close the client, make another one and resume from what was committed. */
  | "application-recoverable"
  /** Change the configuration or the permissions first. */
  | "invalid-configuration";

const APPLICATION_RECOVERABLE: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.STALE_MEMBER_EPOCH,
]);

const INVALID_CONFIGURATION: ReadonlySet<number> = new Set([
  ErrorCode.INVALID_CONFIG,
  ErrorCode.INVALID_TOPIC_EXCEPTION,
  ErrorCode.INVALID_TRANSACTION_TIMEOUT,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.GROUP_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.SASL_AUTHENTICATION_FAILED,
]);

export function errorKind(errorCode: number): ErrorKind {
  if (APPLICATION_RECOVERABLE.has(errorCode)) return "application-recoverable";
  if (INVALID_CONFIGURATION.has(errorCode)) return "invalid-configuration";
  return isRetriable(errorCode) ? "retriable" : "abortable";
}

/** After these a transactional producer is of no use any more; after any other error it may abort and go on. */
const FATAL: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
  ErrorCode.INVALID_TRANSACTION_TIMEOUT,
]);

export function isFatalForTransactions(errorCode: number): boolean {
  return FATAL.has(errorCode);
}

/** The answers of InitProducerId after which it may be asked again, when the permission was given. */
export function isUnauthorized(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
    errorCode === ErrorCode.CLUSTER_AUTHORIZATION_FAILED
  );
}
