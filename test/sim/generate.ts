import type { Fault } from "./faults.ts";
import { withDecisions } from "./generate-decisions.ts";
import { withGroups } from "./generate-groups.ts";
import { withMarkers } from "./generate-markers.ts";
import { withStorage } from "./generate-storage.ts";
import { Prng } from "./prng.ts";
import type {
  AdminAction,
  CopierSpec,
  FetchSpec,
  MemberEnd,
  MemberSpec,
  ProducerSpec,
  ReaderSpec,
  TopicSpec,
  WatcherSpec,
  Workload,
} from "./workload.ts";

const PRODUCE_VERSIONS = [3, 7, 9, 12, 13];
const FETCH_VERSIONS = [4, 7, 11, 12, 13, 17];
const PARTITION_MAX_BYTES = [1, 300, 20_000, 100_000];
const JOIN_VERSIONS = [2, 3, 4, 5, 6, 7, 8, 9];
const COMMIT_VERSIONS = [5, 7, 8, 9, 10];
const HOUR_MS = 3_600_000;
/** Deleted and made again while clients use it, by its id. */
const DOOMED = "doomed";
/** What copiers write to. */
const COPIES = "copies";

/** A workload that follows from its seed: how many of everything, who does what, and what goes wrong when. */
export function generate(seed: number, untilMs?: number): Workload {
  const random = Prng.named(seed, "workload");
  const duration = untilMs ?? random.between(6_000, 26_000);
  const brokers = random.pick([1, 1, 2, 3]);
  const topics: TopicSpec[] = Array.from({ length: random.between(1, 3) }, (_, i) => ({
    name: `t${i}`,
    partitions: random.between(1, 3),
    ...(random.chance(0.3) ? { configs: makeSegments(random) } : {}),
  }));
  const hasDoomed = random.chance(0.3);
  if (hasDoomed) topics.push({ name: DOOMED, partitions: 2 });
  const names = topics.map(({ name }) => name).filter((name) => name !== DOOMED);
  const producers = makeBumping(seed, makeProducers(random, names, hasDoomed));
  const members = makeMembers(random, names, duration);
  const groupWatchers = members
    .map(({ group, topics: watched }) => ({ group, topics: watched }))
    .filter(({ group }, at) => members.findIndex((member) => member.group === group) === at && random.chance(0.6))
    .map((one) => ({ ...one, name: `w-${one.group}`, gapMs: random.pick([50, 200, 1_000]) }));
  const copiers = random.chance(0.35) ? makeLate(seed, makeCopiers(random, names, duration)) : [];
  if (copiers.length > 0 && seed % 3 === 0) copiers.push(makeAbandoned(seed, names, duration));
  const hasCopies = copiers.length > 0;
  const watchers = [...groupWatchers, ...watchCopies(seed, copiers)];
  if (hasCopies) topics.push({ name: COPIES, partitions: random.between(1, 3) });
  const readsCopies = hasCopies ? [...names, COPIES] : names;
  const readers = makeReaders(random, { names: readsCopies, hasDoomed, hasCopies });
  const admin = makeAdmin(random, topics, duration);
  const lives = [...members, ...copiers].map(({ name }) => `${name}.1`);
  const clients = [...producers, ...readers].map(({ name }) => name).concat(lives);
  const faults = random.chance(0.1) ? [] : makeFaults(random, { duration, brokers, clients });
  const workload = withGroups({
    seed,
    untilMs: duration,
    brokers,
    topics,
    producers,
    readers,
    members,
    watchers,
    copiers,
    admin,
    faults,
  });
  return withDecisions(withMarkers(withStorage(workload)));
}

/** Short segments, most of them in the object store, some of which leave the disk. Nothing expires. */
function makeSegments(random: Prng): Readonly<Record<string, string>> {
  const configs = { "segment.ms": `${random.pick([300, 1_500])}`, "retention.ms": "-1" };
  if (random.chance(0.2)) return configs;
  const localMs = `${random.pick([1, 1_000, 5_000])}`;
  return { ...configs, "remote.storage.enable": "true", "local.retention.ms": localMs };
}

function makeProducers(random: Prng, names: readonly string[], hasDoomed: boolean): ProducerSpec[] {
  return Array.from({ length: random.between(2, 4) }, (_, i) => {
    const idempotent = random.chance(0.6);
    const isDoomed = hasDoomed && i === 0;
    const acks = idempotent ? -1 : random.pick([-1, 1, 0] as const);
    return {
      name: `p${i}`,
      topics: isDoomed ? [DOOMED] : names,
      acks,
      idempotent,
      maxInFlight: random.pick([1, 5, 5]),
      version: isDoomed ? 13 : random.pick(PRODUCE_VERSIONS),
      codec: random.chance(0.2) ? random.pick([1, 2, 3, 4] as const) : 0,
      meanGapMs: random.pick([60, 200, 600]),
      maxRecords: random.pick([1, 3, 8]),
      valueBytes: random.pick([30, 100, 400]),
      startMs: random.between(0, 500),
      deliveryTimeoutMs: random.pick([5_000, 30_000]),
      requestTimeoutMs: random.pick([500, 2_000, 10_000]),
      strayShare: !isDoomed && random.chance(0.3) ? 0.05 : 0,
    };
  });
}

function makeFetch(random: Prng, isDoomed: boolean, isCommittedOnly = false): FetchSpec {
  const pollGapMs = random.pick([10, 100, 400]);
  return {
    version: isDoomed ? random.pick([13, 17]) : random.pick(FETCH_VERSIONS),
    hasSessions: random.chance(0.7),
    maxWaitMs: random.pick([100, 500, 5_000]),
    pollGapMs,
    // A slow reader that gets little at a time never comes to the end.
    maxBytes: pollGapMs === 400 ? random.pick([50_000, 1_000_000]) : random.pick([2_000, 50_000, 1_000_000]),
    partitionMaxBytes: PARTITION_MAX_BYTES[pollGapMs === 10 ? random.below(4) : random.between(2, 3)],
    isCommittedOnly,
  };
}

interface Readable {
  readonly names: readonly string[];
  readonly hasDoomed: boolean;
  readonly hasCopies: boolean;
}

function makeReaders(random: Prng, { names, hasDoomed, hasCopies }: Readable): ReaderSpec[] {
  return Array.from({ length: random.between(1, 2) }, (_, i) => ({
    name: `r${i}`,
    topics: hasDoomed && i === 0 ? [DOOMED] : names,
    fetch: makeFetch(random, hasDoomed && i === 0, hasCopies && random.chance(0.5)),
    startMs: random.between(0, 5_000),
  }));
}

function makeMembers(random: Prng, names: readonly string[], duration: number): MemberSpec[] {
  const members: MemberSpec[] = [];
  for (let group = random.between(0, 2); group > 0; group--) {
    const topics = random.chance(0.5) ? names : [random.pick(names)];
    // Rebalances pass by members that think too long; static ones stay in the group all the same.
    const isSlow = random.chance(0.3);
    for (let i = random.between(1, isSlow ? 4 : 3); i > 0; i--) {
      const isStatic = random.chance(isSlow ? 0.6 : 0.3);
      members.push({
        name: `g${group}m${i}`,
        group: `g${group}`,
        topics,
        instanceId: isStatic ? `i${i}` : null,
        joinVersion: random.pick(isStatic ? [5, 7, 9] : JOIN_VERSIONS),
        commitVersion: random.pick(COMMIT_VERSIONS),
        sessionTimeoutMs: random.pick(isSlow ? [4_000, 10_000] : [1_500, 4_000, 10_000]),
        rebalanceTimeoutMs: random.pick([3_000, isSlow ? 3_000 : 10_000]),
        slowShare: isSlow ? 0.4 : 0.05,
        heartbeatMs: random.pick([300, 1_000]),
        commitEveryMs: random.pick([200, 1_000, 3_000]),
        fetch: makeFetch(random, false),
        startMs: random.between(0, duration / 2),
        ends: makeEnds(random, duration),
      });
    }
  }
  return members;
}

function makeCopiers(random: Prng, names: readonly string[], duration: number): CopierSpec[] {
  const copiers: CopierSpec[] = [];
  for (let id = random.between(1, 2); id > 0; id--) {
    const from = random.chance(0.5) ? names : [random.pick(names)];
    // Several with one id fence each other.
    for (let i = random.pick([1, 1, 2]); i > 0; i--) {
      copiers.push({
        name: `c${id}x${i}`,
        transactionalId: `tx${id}`,
        group: `copies${id}`,
        from,
        to: COPIES,
        isV2: random.chance(0.5),
        maxRecords: random.pick([1, 5, 20]),
        pollGapMs: random.pick([20, 200, 800]),
        abortShare: random.pick([0, 0.1, 0.4]),
        slowShare: random.pick([0, 0.05, 0.3]),
        transactionTimeoutMs: random.pick([1_000, 4_000, 20_000]),
        startMs: random.between(0, duration / 3),
        ends: makeEnds(random, duration),
      });
    }
  }
  return copiers;
}

/** What was added later has chance of its own, so that the rest of a seed stays what it was. */
function makeLate(seed: number, copiers: readonly CopierSpec[]): CopierSpec[] {
  const random = Prng.named(seed, "late batches");
  return copiers.map((copier) => ({ ...copier, lateShare: random.pick([0, 0.1, 0.3]) }));
}

/** Looks at the offsets of copiers, waiting for transactions that are being ended. */
function watchCopies(seed: number, copiers: readonly CopierSpec[]): WatcherSpec[] {
  const random = Prng.named(seed, "watchers of copies");
  const byGroup = Map.groupBy(copiers, ({ group }) => group);
  return [...byGroup].map(([group, [{ from }]]) => {
    const gapMs = random.pick([60, 200, 600]);
    return { name: `w-${group}`, group, topics: [...from, COPIES], gapMs, isStable: true };
  });
}

/** Some idempotent producers keep their id when a batch is given up. */
function makeBumping(seed: number, producers: readonly ProducerSpec[]): ProducerSpec[] {
  const random = Prng.named(seed, "epochs");
  return producers.map((producer) => ({ ...producer, bumpsEpoch: producer.idempotent && random.chance(0.5) }));
}

/** A transactional id that nobody takes up again: what it leaves open is aborted when its time is over. */
function makeAbandoned(seed: number, names: readonly string[], duration: number): CopierSpec {
  const random = Prng.named(seed, "abandoned");
  return {
    name: "c-gone",
    transactionalId: "gone",
    group: "copies-gone",
    from: names,
    to: COPIES,
    isV2: random.chance(0.5),
    maxRecords: 5,
    pollGapMs: 100,
    abortShare: 0.2,
    slowShare: 0.3,
    isAbandoned: true,
    transactionTimeoutMs: random.pick([1_000, 4_000, 20_000]),
    startMs: random.between(0, duration / 2),
    ends: [],
  };
}

function makeEnds(random: Prng, duration: number): MemberEnd[] {
  const ends: MemberEnd[] = [];
  for (let atMs = random.exponential(duration / 2); atMs < duration; atMs += 2_000 + random.exponential(duration / 2)) {
    const how = random.pick(["leave", "die", "vanish"] as const);
    ends.push({ atMs: Math.floor(atMs), how, returnAfterMs: random.chance(0.8) ? random.between(0, 5_000) : -1 });
  }
  return ends;
}

function makeAdmin(random: Prng, topics: readonly TopicSpec[], duration: number): AdminAction[] {
  const actions: AdminAction[] = [];
  for (let atMs = random.exponential(8_000); atMs < duration; atMs += random.exponential(8_000)) {
    const topic = random.pick(topics);
    const at = { atMs: Math.floor(atMs), topic: topic.name };
    if (topic.name === DOOMED) {
      actions.push({ ...at, action: "delete" });
      actions.push({
        ...at,
        atMs: at.atMs + random.between(50, 2_000),
        action: "create",
        partitions: random.between(1, 3),
      });
    } else if (random.chance(0.3)) {
      actions.push({ ...at, action: "grow", partitions: topic.partitions + random.between(1, 2) });
    } else {
      const share = random.pick([0.1, 0.5, 0.9, 1]);
      actions.push({ ...at, action: "delete-records", partition: random.below(topic.partitions), share });
    }
  }
  return actions;
}

interface Targets {
  readonly duration: number;
  readonly brokers: number;
  readonly clients: readonly string[];
}

function makeFaults(random: Prng, targets: Targets): Fault[] {
  const faults: Fault[] = [];
  const meanGapMs = random.pick([800, 2_500, 8_000]);
  // Old instances excuse stale reads, so most workloads go without them.
  const hasDoubleStarts = random.chance(0.25);
  for (let atMs = random.exponential(meanGapMs); atMs < targets.duration; atMs += random.exponential(meanGapMs)) {
    const fault = makeFault(random, Math.floor(atMs), targets, hasDoubleStarts);
    // A disk that is slow just before it goes: what is under way is most of what there is.
    if ((fault.kind === "crash" || fault.kind === "double-start") && random.chance(0.5)) {
      faults.push({ kind: "slow-disk", atMs: fault.atMs, broker: fault.broker, forMs: 1_000, byMs: 300 });
      faults.push({ ...fault, atMs: fault.atMs + random.between(100, 900) });
    } else {
      faults.push(fault);
    }
  }
  return faults;
}

/** A clock is set right, or its machine has slept. */
function makeJump(random: Prng): number {
  return random.chance(0.2) ? random.between(0, 10 * HOUR_MS) : random.between(-30_000, 30_000);
}

function makeFault(random: Prng, atMs: number, targets: Targets, hasDoubleStarts: boolean): Fault {
  const broker = random.between(1, targets.brokers);
  const client = random.pick(targets.clients);
  const forMs = Math.floor(100 + random.exponential(2_500));
  const byMs = random.pick([5, 50, 500]);
  const dice = random.below(100);
  if (hasDoubleStarts && dice < 20)
    return { kind: "double-start", atMs, broker, forMs, failsReads: random.chance(0.5) };
  if (dice < 25)
    return { kind: "crash", atMs, broker, downMs: random.pick([0, 0, 500, 3_000]), isSilent: random.chance(0.2) };
  if (dice < 33) return { kind: "slow-disk", atMs, broker, forMs, byMs };
  if (dice < 37) return { kind: "failing-disk", atMs, broker, forMs: Math.min(forMs, 2_000) };
  if (dice < 43) return { kind: "clock-jump", atMs, broker, byMs: makeJump(random) };
  if (dice < 58) return { kind: "reset", atMs, client, broker };
  if (dice < 63) return { kind: "half-open", atMs, client, broker };
  if (dice < 69) return { kind: "stall", atMs, client, broker, forMs: forMs + 1_000 };
  if (dice < 74) return { kind: "partition", atMs, client, broker, forMs };
  if (dice < 82) return { kind: "slow-link", atMs, client, broker, forMs, byMs };
  if (dice < 87) return { kind: "controller-crash", atMs, downMs: random.pick([0, 200, 2_000]) };
  if (dice < 91) return { kind: "controller-cut", atMs, broker, forMs };
  if (dice < 92) return { kind: "controller-slow", atMs, forMs, byMs };
  if (dice < 94) return { kind: "peer-cut", atMs, broker, forMs };
  if (dice < 95) return { kind: "objects-down", atMs, forMs };
  if (dice < 96) return { kind: "objects-slow", atMs, forMs, byMs: byMs * 4 };
  return { kind: "client-hang", atMs, client, forMs: Math.min(forMs * 2, 15_000) };
}
