import { isRetriable } from "#protocol/errors.ts";
import type { ClientPorts } from "./client.ts";
import { type Failure, failed, type Outcome } from "./outcome.ts";
import { type Backoff, delayMs, sleep } from "./retry.ts";

export interface AttemptLimits {
  /** On the clock; no attempt begins behind it, and the last failure is then the outcome. */
  readonly deadlineMs: number;
  readonly backoff: Backoff;
  /** Which failures are worth another attempt; those that Kafka calls retriable without. */
  readonly isAgain?: (failure: Failure) => boolean;
}

/** Tries until it succeeds, fails for good, or runs out of time, with a growing pause between attempts. */
export async function attempts<T>(
  ports: Pick<ClientPorts, "clock" | "timers" | "random">,
  limits: AttemptLimits,
  attempt: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const isAgain = limits.isAgain ?? ((failure: Failure) => isRetriable(failure.errorCode));
  for (let failures = 1; ; failures++) {
    const outcome = await attempt();
    if (!failed(outcome) || !isAgain(outcome)) return outcome;
    const pauseMs = delayMs(failures, limits.backoff, ports.random);
    if (ports.clock.nowMs() + pauseMs >= limits.deadlineMs) return outcome;
    await sleep(ports.timers, pauseMs);
  }
}
