/** What happens to a broker and to the network in front of it, and when: all of it from one seed. */

export type ProcessFault =
  /** Every process of the broker is killed at once; it starts again on the same data. */
  | { readonly kind: "kill"; readonly downMs: number }
  /** Ended as by Ctrl-C, started again on the same data. */
  | { readonly kind: "restart"; readonly downMs: number }
  /** SIGSTOP, and SIGCONT after a while: longer than a session timeout at times. */
  | { readonly kind: "pause"; readonly lastsMs: number };

export type NetworkFault =
  /** Connections are reset. */
  | { readonly kind: "cut"; readonly share: number }
  /** Connections are reset in the middle of what the broker answers, or of what the client asks. */
  | { readonly kind: "cut-inside"; readonly share: number; readonly way: Way; readonly afterBytes: number }
  /** Each piece of data waits, in order, for up to so long. */
  | { readonly kind: "delay"; readonly lastsMs: number; readonly upToMs: number }
  /** Data comes in small pieces with pauses between. */
  | { readonly kind: "trickle"; readonly lastsMs: number; readonly pieceBytes: number; readonly everyMs: number }
  /** Nothing passes one way; then it does again, late, or the connection is reset. */
  | {
      readonly kind: "mute";
      readonly share: number;
      readonly way: Way;
      readonly lastsMs: number;
      readonly thenCut: boolean;
    }
  /** One side is gone and the other doesn't hear of it for a while. */
  | { readonly kind: "half-open"; readonly share: number; readonly gone: "client" | "broker"; readonly lastsMs: number }
  /** New connections are reset at once. */
  | { readonly kind: "refuse"; readonly lastsMs: number };

export type Fault = ProcessFault | NetworkFault;

/** Towards the broker, or back from it. */
export type Way = "requests" | "answers";

export interface Timed<F> {
  /** From the start of the run. */
  readonly atMs: number;
  readonly fault: F;
}

export interface Schedule {
  readonly process: readonly Timed<ProcessFault>[];
  readonly network: readonly Timed<NetworkFault>[];
}

export interface Pace {
  readonly processGapMs: readonly [number, number];
  readonly networkGapMs: readonly [number, number];
  /** The longest pause, silence or slowness. */
  readonly longestMs: number;
}

export const USUAL_PACE: Pace = { processGapMs: [6_000, 16_000], networkGapMs: [2_000, 6_000], longestMs: 12_000 };

type Random = () => number;

/** Two tracks that overlap; the faults of one track never do. */
export function scheduleOf(random: Random, lastsMs: number, pace: Pace = USUAL_PACE): Schedule {
  return {
    process: track(random, lastsMs, pace.processGapMs, () => processFault(random, pace.longestMs)),
    network: track(random, lastsMs, pace.networkGapMs, () => networkFault(random, pace.longestMs)),
  };
}

function track<F extends Fault>(
  random: Random,
  lastsMs: number,
  [shortest, longest]: readonly [number, number],
  draw: () => F,
): Timed<F>[] {
  const faults: Timed<F>[] = [];
  let atMs = between(random, shortest, longest);
  for (;;) {
    const fault = draw();
    const endMs = atMs + durationMs(fault);
    if (endMs > lastsMs) return faults;
    faults.push({ atMs, fault });
    atMs = endMs + between(random, shortest, longest);
  }
}

function durationMs(fault: Fault): number {
  if ("downMs" in fault) return fault.downMs;
  return "lastsMs" in fault ? fault.lastsMs : 0;
}

function processFault(random: Random, longestMs: number): ProcessFault {
  const draw = random();
  if (draw < 0.45) return { kind: "kill", downMs: between(random, 0, longestMs / 4) };
  if (draw < 0.6) return { kind: "restart", downMs: between(random, 0, longestMs / 4) };
  return { kind: "pause", lastsMs: between(random, 100, random() < 0.3 ? longestMs : longestMs / 4) };
}

function networkFault(random: Random, longestMs: number): NetworkFault {
  const share = random() < 0.3 ? 1 : 0.1 + random() * 0.6;
  const way: Way = random() < 0.5 ? "requests" : "answers";
  const lastsMs = between(random, 200, random() < 0.2 ? longestMs : longestMs / 3);
  const kinds: readonly (() => NetworkFault)[] = [
    () => ({ kind: "cut", share }),
    () => ({ kind: "cut-inside", share, way, afterBytes: between(random, 1, 400) }),
    () => ({ kind: "delay", lastsMs, upToMs: between(random, 5, 400) }),
    () => ({ kind: "trickle", lastsMs, pieceBytes: between(random, 1, 60), everyMs: between(random, 1, 20) }),
    () => ({ kind: "mute", share, way, lastsMs, thenCut: random() < 0.6 }),
    () => ({ kind: "half-open", share, gone: random() < 0.5 ? "client" : "broker", lastsMs }),
    () => ({ kind: "refuse", lastsMs: Math.min(lastsMs, longestMs / 4) }),
  ];
  return (kinds[Math.floor(random() * kinds.length)] as () => NetworkFault)();
}

function between(random: Random, least: number, most: number): number {
  return Math.round(least + random() * (most - least));
}
