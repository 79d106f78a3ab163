import type { Fault } from "./faults.ts";
import { Prng } from "./prng.ts";
import type { ConsumerSpec, CopierSpec, FetchSpec, MemberEnd, SharerSpec, Workload } from "./workload.ts";

const CONSUMERS_SHARE = 0.3;
const SHARERS_SHARE = 0.25;
/** Of the seeds with copiers. */
const CREW_SHARE = 0.5;
const CRASHES_SHARE = 0.4;
const LASTING = /^t\d+$/;

/** Adds to a share of the seeds groups of KIP-848 and share groups, each with chance of its own. */
export function withGroups(workload: Workload): Workload {
  const names = workload.topics.map(({ name }) => name).filter((name) => LASTING.test(name));
  const consumers = makeConsumers(workload, names);
  const sharers = makeSharers(workload, names);
  const clients = [...consumers, ...sharers].map(({ name }) => `${name}.1`);
  const hasFaults = workload.faults.length > 0 && clients.length > 0;
  const faults = [
    ...workload.faults,
    ...(hasFaults ? makeFaults(workload, clients) : []),
    ...(workload.faults.length > 0 && workload.copiers.length > 0 ? makeCrashes(workload) : []),
  ];
  return { ...workload, copiers: [...workload.copiers, ...makeCrew(workload, names)], consumers, sharers, faults };
}

function makeConsumers({ seed, untilMs }: Workload, names: readonly string[]): ConsumerSpec[] {
  const random = Prng.named(seed, "consumers");
  if (!random.chance(CONSUMERS_SHARE)) return [];
  const group = "k1";
  const isSlow = random.chance(0.4);
  return Array.from({ length: random.between(2, 4) }, (_, i) => ({
    name: `${group}c${i}`,
    group,
    topics: random.chance(0.8) ? names : [random.pick(names)],
    instanceId: random.chance(0.3) ? `ki${i}` : null,
    assignor: random.pick(["uniform", "range", null] as const),
    rebalanceTimeoutMs: random.pick([1_500, 5_000]),
    heartbeatMs: random.pick([100, 300, 800]),
    commitEveryMs: random.pick([150, 600, 2_000]),
    slowShare: isSlow ? 0.5 : 0.05,
    narrowsAtMs: random.chance(0.2) ? random.between(1_000, untilMs) : 0,
    fetch: makeFetch(random),
    startMs: random.between(0, untilMs / 2),
    ends: makeEnds(random, untilMs),
  }));
}

function makeFetch(random: Prng): FetchSpec {
  return {
    version: random.pick([12, 13, 17]),
    hasSessions: random.chance(0.7),
    maxWaitMs: random.pick([100, 500]),
    pollGapMs: random.pick([20, 100]),
    maxBytes: 1_000_000,
    partitionMaxBytes: random.pick([5_000, 100_000]),
    isCommittedOnly: false,
  };
}

function makeSharers({ seed, untilMs }: Workload, names: readonly string[]): SharerSpec[] {
  const random = Prng.named(seed, "sharers");
  if (!random.chance(SHARERS_SHARE)) return [];
  const group = "s1";
  const topics = random.chance(0.5) ? names : [random.pick(names)];
  return Array.from({ length: random.between(2, 3) }, (_, i) => ({
    name: `${group}c${i}`,
    group,
    topics,
    version: random.pick([1, 2] as const),
    maxRecords: random.pick([3, 20, 100]),
    heartbeatMs: random.pick([200, 600]),
    pollGapMs: random.pick([10, 60]),
    holdMs: random.pick([10, 80, 300]),
    slowShare: random.pick([0, 0.02, 0.15]),
    releaseShare: random.pick([0, 0.1, 0.3]),
    rejectShare: random.pick([0, 0.05]),
    isImplicit: random.chance(0.5),
    startMs: random.between(0, untilMs / 3),
    ends: makeEnds(random, untilMs),
  }));
}

/** Copiers that share their topics out in a group (KIP-447): some think so long, or hang so long, that it goes on without them. */
function makeCrew({ seed, untilMs, copiers }: Workload, names: readonly string[]): CopierSpec[] {
  const random = Prng.named(seed, "crew");
  if (copiers.length === 0 || !random.chance(CREW_SHARE)) return [];
  const from = random.chance(0.5) ? names : [random.pick(names)];
  const slowShare = random.pick([0.05, 0.2, 0.4]);
  const seat = {
    protocol: random.pick(["classic", "consumer"] as const),
    sessionTimeoutMs: random.pick([1_000, 2_500]),
    rebalanceTimeoutMs: random.pick([1_500, 4_000]),
    heartbeatMs: random.pick([150, 400]),
  };
  return Array.from({ length: random.between(2, 3) }, (_, i) => ({
    name: `crew${i}`,
    transactionalId: `crew${i}`,
    group: "crew",
    from,
    to: copiers[0].to,
    isV2: random.chance(0.5),
    maxRecords: random.pick([1, 5, 20]),
    pollGapMs: random.pick([20, 100, 300]),
    abortShare: random.pick([0, 0.1]),
    slowShare,
    seat,
    // Longer than a member is waited for: only the group fences it.
    transactionTimeoutMs: random.pick([6_000, 15_000]),
    startMs: random.between(0, untilMs / 3),
    ends: makeEnds(random, untilMs),
  }));
}

function makeEnds(random: Prng, untilMs: number): MemberEnd[] {
  const ends: MemberEnd[] = [];
  for (let atMs = random.exponential(untilMs / 2); atMs < untilMs; atMs += 2_000 + random.exponential(untilMs / 2)) {
    const how = random.pick(["leave", "die", "vanish"] as const);
    ends.push({ atMs: Math.floor(atMs), how, returnAfterMs: random.chance(0.8) ? random.between(0, 5_000) : -1 });
  }
  return ends;
}

/** Brokers that die and are back at once, on disks so slow that transactions are just being ended: much is decided and not yet written. */
function makeCrashes({ seed, untilMs, brokers }: Workload): Fault[] {
  const random = Prng.named(seed, "crashes of copies");
  const faults: Fault[] = [];
  if (!random.chance(CRASHES_SHARE)) return faults;
  for (let atMs = random.between(1_500, 4_000); atMs < untilMs; atMs += random.between(2_500, 5_000)) {
    const broker = random.between(1, brokers);
    faults.push({ kind: "slow-disk", atMs, broker, forMs: 1_500, byMs: random.pick([50, 300]) });
    const dieMs = atMs + random.between(200, 1_200);
    faults.push({ kind: "crash", atMs: dieMs, broker, downMs: 0, isSilent: false });
  }
  return faults;
}

/** What happens to single clients; the rest of the faults meets everybody. */
function makeFaults({ seed, untilMs, brokers }: Workload, clients: readonly string[]): Fault[] {
  const random = Prng.named(seed, "faults of groups");
  const faults: Fault[] = [];
  for (let atMs = random.exponential(2_500); atMs < untilMs; atMs += random.exponential(2_500)) {
    const at = { atMs: Math.floor(atMs), client: random.pick(clients), broker: random.between(1, brokers) };
    const forMs = Math.floor(500 + random.exponential(3_000));
    const kinds: readonly Fault[] = [
      { kind: "reset", ...at },
      { kind: "half-open", ...at },
      { kind: "stall", ...at, forMs },
      { kind: "partition", ...at, forMs },
      { kind: "client-hang", atMs: at.atMs, client: at.client, forMs: forMs * 2 },
    ];
    faults.push(random.pick(kinds));
  }
  return faults;
}
