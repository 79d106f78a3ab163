import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import type { ClientPorts } from "./client.ts";
import { type Failure, failed, failure, type Outcome } from "./outcome.ts";
import { type Backoff, delayMs, sleep, within } from "./retry.ts";

/** What a timer can wait at most. */
const LONGEST_MS = 2_147_483_647;

/** How long an administrator's call takes at most, whatever it consists of: Kafka's default of `default.api.timeout.ms`. */
export const DEFAULT_API_TIMEOUT_MS = 60_000;

export interface AttemptLimits {
  /** On the clock; no attempt begins behind it but the first, and the last failure is then the outcome. */
  readonly deadlineMs: number;
  /**
   * Nobody waits for an attempt beyond the deadline: REQUEST_TIMED_OUT. Its work goes on; not for what must know whether it was done. A
   * deadline that is over at the beginning means one attempt, which takes as long as it takes.
   */
  readonly isCutAtDeadline?: boolean;
  readonly backoff: Backoff;
  /** Which failures are worth another attempt; those that Kafka calls retriable without. */
  readonly isAgain?: (failure: Failure) => boolean;
}

/** Tries until it succeeds, fails for good, or runs out of time, with a growing pause between attempts. */
export async function attempts<T>(
  ports: Pick<ClientPorts, "clock" | "timers" | "random">,
  limits: AttemptLimits,
  attempt: (isCut: () => boolean) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const isAgain = limits.isAgain ?? ((failure: Failure) => isRetriable(failure.errorCode));
  const isCuttable = limits.isCutAtDeadline === true && ports.clock.nowMs() < limits.deadlineMs;
  const leftMs = () => Math.max(limits.deadlineMs - ports.clock.nowMs(), 0);
  const isCut = () => isCuttable && leftMs() === 0;
  const late = failure(ErrorCode.REQUEST_TIMED_OUT);
  for (let failures = 1; ; failures++) {
    const work = attempt(isCut);
    const outcome = await (isCuttable
      ? within<Outcome<T>>(ports.timers, Math.min(leftMs(), LONGEST_MS), work, late)
      : work);
    if (!failed(outcome) || !isAgain(outcome)) return outcome;
    const pauseMs = delayMs(failures, limits.backoff, ports.random);
    if (ports.clock.nowMs() + pauseMs >= limits.deadlineMs) return outcome;
    await sleep(ports.timers, pauseMs);
  }
}

/**
 * A call of several requests, which ends in DEFAULT_API_TIMEOUT_MS: REQUEST_TIMED_OUT. What was sent by then may still be done; by `isCut` the
 * work hears that nobody waits for more.
 */
export function inTime<T>(
  ports: Pick<ClientPorts, "clock" | "timers">,
  work: (isCut: () => boolean) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const deadlineMs = ports.clock.nowMs() + DEFAULT_API_TIMEOUT_MS;
  const late = failure(ErrorCode.REQUEST_TIMED_OUT, `no outcome in ${DEFAULT_API_TIMEOUT_MS} ms`);
  const isCut = () => ports.clock.nowMs() >= deadlineMs;
  return within<Outcome<T>>(ports.timers, DEFAULT_API_TIMEOUT_MS, work(isCut), late);
}
