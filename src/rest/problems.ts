import { ErrorCode, errorMessage, isRetriable } from "#protocol/errors.ts";

/**
 * What an error answer says: an HTTP status and the body `{"error_code", "message"}`. Codes are the REST Proxy's: the
 * status itself, or the status followed by two digits for a cause of its own.
 */
export interface Problem {
  readonly status: number;
  readonly errorCode: number;
  readonly message: string;
}

/** The REST Proxy's codes that this room answers with (its `Errors.java` and `KafkaExceptionMapper`). */
export const ProblemCode = {
  KAFKA_BAD_REQUEST: 40002,
  KAFKA_AUTHENTICATION: 40101,
  KAFKA_AUTHORIZATION: 40301,
  TOPIC_NOT_FOUND: 40401,
  PARTITION_NOT_FOUND: 40402,
  UNKNOWN_TOPIC_PARTITION: 40403,
  FORMAT_MISMATCH: 40601,
  KAFKA_ERROR: 50002,
  KAFKA_RETRIABLE_ERROR: 50003,
  BROKER_NOT_AVAILABLE: 50302,
} as const;

/** The names of statuses, as the REST Proxy puts them into its messages. */
const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  413: "Request Entity Too Large",
  415: "Unsupported Media Type",
  500: "Internal Server Error",
};

/** A problem that is a plain HTTP status; `hint` says what would be right. */
export function httpProblem(status: number, hint?: string): Problem {
  const message = `HTTP ${status} ${REASONS[status]}`;
  return { status, errorCode: status, message: hint === undefined ? message : `${message}: ${hint}` };
}

/** A request that isn't understood. */
export function badRequest(message: string): Problem {
  return { status: 400, errorCode: 400, message };
}

/** A request that is understood and breaks a rule. */
export function unprocessable(message: string): Problem {
  return { status: 422, errorCode: 422, message };
}

export const topicNotFound: Problem = {
  status: 404,
  errorCode: ProblemCode.TOPIC_NOT_FOUND,
  message: "Topic not found.",
};

export const partitionNotFound: Problem = {
  status: 404,
  errorCode: ProblemCode.PARTITION_NOT_FOUND,
  message: "Partition not found.",
};

/** What the REST Proxy's metadata routes say of a topic that doesn't exist. */
export const unknownTopicPartition: Problem = {
  status: 404,
  errorCode: ProblemCode.UNKNOWN_TOPIC_PARTITION,
  message: "This server does not host this topic-partition.",
};

/** There is no room for this request now; the same one may succeed later. */
export const busy: Problem = {
  status: 503,
  errorCode: ProblemCode.BROKER_NOT_AVAILABLE,
  message: "Too many bytes of other requests are on their way; try again later.",
};

/** What is stored can't be shown, and trying again would not change that. */
export function unreadable(message: string): Problem {
  return { status: 500, errorCode: ProblemCode.KAFKA_ERROR, message };
}

const AUTHENTICATION_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.SASL_AUTHENTICATION_FAILED,
  ErrorCode.ILLEGAL_SASL_STATE,
]);

const AUTHORIZATION_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.GROUP_AUTHORIZATION_FAILED,
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
]);

const BAD_REQUEST_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.INVALID_TOPIC_EXCEPTION,
  ErrorCode.INVALID_PARTITIONS,
  ErrorCode.INVALID_REPLICATION_FACTOR,
  ErrorCode.INVALID_CONFIG,
  ErrorCode.POLICY_VIOLATION,
]);

/** The code of a Kafka error where a body carries it per record. */
export function recordErrorCode(errorCode: ErrorCode): number {
  if (AUTHENTICATION_ERRORS.has(errorCode)) return ProblemCode.KAFKA_AUTHENTICATION;
  if (AUTHORIZATION_ERRORS.has(errorCode)) return ProblemCode.KAFKA_AUTHORIZATION;
  return isRetriable(errorCode) ? ProblemCode.KAFKA_RETRIABLE_ERROR : ProblemCode.KAFKA_ERROR;
}

/** The one place where Kafka's error codes become HTTP, where a whole request failed. */
export function kafkaProblem(errorCode: ErrorCode, message: string | null = null): Problem {
  const said = message ?? errorMessage(errorCode);
  if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return topicNotFound;
  if (errorCode === ErrorCode.UNKNOWN_TOPIC_ID) return { ...topicNotFound, message: said };
  if (errorCode === ErrorCode.NETWORK_EXCEPTION || errorCode === ErrorCode.BROKER_NOT_AVAILABLE) {
    return { status: 503, errorCode: ProblemCode.BROKER_NOT_AVAILABLE, message: said };
  }
  if (BAD_REQUEST_ERRORS.has(errorCode))
    return { status: 400, errorCode: ProblemCode.KAFKA_BAD_REQUEST, message: said };
  const code = recordErrorCode(errorCode);
  return { status: Math.floor(code / 100), errorCode: code, message: said };
}
