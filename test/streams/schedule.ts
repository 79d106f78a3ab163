/** When instances of the application and the broker are killed, and when an instance is paused: all of it from one seed. */

export type StreamsFault =
  | { readonly kind: "kill"; readonly downMs: number }
  /** Longer than its session and its transaction may last: it comes back as a zombie. */
  | { readonly kind: "pause"; readonly lastsMs: number };

export interface TimedFault {
  /** From the start of the faults. */
  readonly atMs: number;
  readonly fault: StreamsFault;
}

export interface StreamsSchedule {
  readonly broker: readonly TimedFault[];
  /** One track for each instance; the faults of one track don't overlap. */
  readonly instances: readonly (readonly TimedFault[])[];
  readonly lastsMs: number;
}

export interface Faults {
  /** Of instances, all together. */
  readonly instanceKills: number;
  readonly brokerKills: number;
  readonly pauses: number;
  readonly instances: number;
  readonly gapMs: number;
}

/** So often a broker's kill falls on the same moment as an instance's. */
const BOTH_SHARE = 0.3;
const AT_ONCE_WITHIN_MS = 300;
/** So often something stays down for longer: others take over, transactions time out. */
const LONG_SHARE = 0.2;
const SHORT_MS = 3_000;
const LONG_MS = [8_000, 12_000] as const;
/** The session may last 6 s, the transaction 10. */
const PAUSE_MS = [14_000, 20_000] as const;

type Random = () => number;

export function scheduleOf(random: Random, faults: Faults): StreamsSchedule {
  const lastsMs = faults.gapMs * Math.max(faults.instanceKills, faults.brokerKills, faults.pauses);
  const times = (count: number) =>
    Array.from({ length: count }, (_, index) => ((index + random()) * lastsMs) / Math.max(1, count));
  const kill = (atMs: number): TimedFault => ({ atMs, fault: { kind: "kill", downMs: downMs(random) } });
  const killTimes = times(faults.instanceKills);
  const instances: TimedFault[][] = Array.from({ length: faults.instances }, () => []);
  const anyInstance = () => instances[Math.floor(random() * faults.instances)] as TimedFault[];
  for (const atMs of killTimes) anyInstance().push(kill(atMs));
  for (const atMs of times(faults.pauses)) {
    anyInstance().push({ atMs, fault: { kind: "pause", lastsMs: between(random, PAUSE_MS) } });
  }
  const broker = times(faults.brokerKills).map((atMs) => {
    const beside = killTimes[Math.floor(random() * killTimes.length)];
    if (beside === undefined || random() >= BOTH_SHARE) return kill(atMs);
    return kill(beside + between(random, [-AT_ONCE_WITHIN_MS, AT_ONCE_WITHIN_MS]));
  });
  const inOrder = (track: TimedFault[]) => track.toSorted((one, other) => one.atMs - other.atMs);
  return { broker: inOrder(broker), instances: instances.map(inOrder), lastsMs };
}

function downMs(random: Random): number {
  return random() < LONG_SHARE ? between(random, LONG_MS) : between(random, [0, SHORT_MS]);
}

function between(random: Random, [least, most]: readonly [number, number]): number {
  return Math.round(least + random() * (most - least));
}
