import type { Random } from "#ports/random.ts";
import type { Timers } from "#ports/timers.ts";
import { ErrorCode } from "#protocol/errors.ts";

/** How often one request is sent at most before its error is the answer. */
export const MAX_ATTEMPTS = 6;

const FIRST_BACKOFF_MS = 20;
const MAX_BACKOFF_MS = 1_000;

/** Doubles with every attempt (the first failed one is 1) and takes up to half off at random, so that clients don't move in step. */
export function backoffMs(attempt: number, random: Random): number {
  const fullMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  return fullMs - random.below(fullMs / 2);
}

/** `retry.backoff.ms` and `retry.backoff.max.ms`. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Up to a fifth more or less, as the Java client spreads its retries. */
const JITTER = 0.2;
/** Random numbers are whole: the spread is drawn in steps. */
const JITTER_STEPS = 1_000;

/** How long to wait after so many failures (the first is 1): doubling from `firstMs` up to `maxMs` (KIP-580). */
export function delayMs(failures: number, { firstMs, maxMs }: Backoff, random: Random): number {
  const fullMs = Math.min(firstMs * 2 ** (failures - 1), Math.max(firstMs, maxMs));
  const spread = 1 - JITTER + (2 * JITTER * random.below(JITTER_STEPS)) / JITTER_STEPS;
  return Math.min(Math.round(fullMs * spread), Math.max(firstMs, maxMs));
}

export function sleep(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.set(resolve, delayMs);
  });
}

/** Errors that say that the client's picture of the cluster is out of date. */
const STALE_METADATA: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REPLICA_NOT_AVAILABLE,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INCONSISTENT_TOPIC_ID,
]);

export function isStaleMetadata(errorCode: number): boolean {
  return STALE_METADATA.has(errorCode);
}

/** Errors by which a broker says for certain that it appended nothing, and that it may do so later. */
const NOTHING_APPENDED: ReadonlySet<number> = new Set([
  ...STALE_METADATA,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.THROTTLING_QUOTA_EXCEEDED,
]);

/**
 * May this Produce error be followed by the same batch again? Not after a time-out or a lost answer: the batch may be in
 * the log, and this client has no producer id by which the broker would know it again.
 */
export function mayProduceAgain(errorCode: number): boolean {
  return NOTHING_APPENDED.has(errorCode);
}

/** The work's own outcome, or `late` when it takes longer. The work goes on. */
export function within<T>(timers: Timers, timeoutMs: number, work: Promise<T>, late: T): Promise<T> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return work;
  return new Promise((resolve, reject) => {
    const timer = timers.set(() => resolve(late), timeoutMs);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
