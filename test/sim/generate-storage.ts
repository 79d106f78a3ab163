import type { Fault } from "./faults.ts";
import { Prng } from "./prng.ts";
import type { AdminAction, FetchSpec, ProducerSpec, TopicSpec, Workload, WriterSpec } from "./workload.ts";

type Configs = Readonly<Record<string, string>>;

const SHARE = 0.35;
/** The least that a topic may ask for; the simulation divides it (`mutants/small-limits.ts`). */
const SEGMENT_BYTES = "1048576";
const KEPT_FOR_EVER = { "retention.ms": "-1" };
/** Of the tiered topics that keep everything. */
const GOES_BACK_SHARE = 0.5;
/** Tiered, deleted and made again while clients use it, by its id. */
const GONE = "gone";

/** Adds to a share of the seeds what storage does: segments that roll, are tiered, expire and are compacted, and crashes within that. */
export function withStorage(workload: Workload): Workload {
  const random = Prng.named(workload.seed, "storage");
  if (!random.chance(SHARE)) return workload;
  const topics = makeTopics(random);
  const duration = workload.untilMs;
  const names = topics.map(({ name }) => name);
  const keyed = topics.filter(({ configs }) => configs?.["cleanup.policy"]?.includes("compact") === true);
  const lasting = names.filter((name) => name !== GONE);
  const tiered = workload.topics.filter(({ configs }) => configs?.["remote.storage.enable"] === "true");
  const surveyed = [...lasting, ...tiered.map(({ name }) => name)];
  const isolations = random.pick([[false], [true], [false, true]]);
  const readers = isolations.map((isCommittedOnly) => ({
    name: isCommittedOnly ? "s-committed" : "s-all",
    topics: lasting,
    fetch: makeFetch(random, isCommittedOnly),
    startMs: random.between(0, duration / 2),
  }));
  return {
    ...workload,
    topics: [...workload.topics.map((topic) => tieredCopies(random, topic)), ...topics],
    producers: [
      ...workload.producers,
      ...topics.flatMap((topic) => makeGoingBack(workload.seed, topic, makeProducers(random, topic))),
    ],
    readers: [...workload.readers, ...(lasting.length > 0 ? readers : [])],
    surveyors: surveyed.length > 0 ? [{ name: "surveyor", topics: surveyed, gapMs: random.pick([300, 1_000]) }] : [],
    writers: keyed.flatMap(({ name }) => makeWriters(random, name)),
    admin: [...workload.admin, ...topics.flatMap((topic) => makeAdmin(random, topic, duration))],
    faults: [...workload.faults, ...makeFaults(random, workload)],
  };
}

function makeTopics(random: Prng): TopicSpec[] {
  const kinds: readonly { readonly name: string; readonly configs: Configs }[] = [
    { name: "compact", configs: makeCompact(random, "compact") },
    { name: "tier", configs: { ...makeSegments(random), ...KEPT_FOR_EVER, ...makeTier(random) } },
    { name: "kept", configs: makeKept(random) },
    { name: "both", configs: { ...makeCompact(random, "compact,delete"), ...makeExpiry(random) } },
    { name: GONE, configs: { ...makeSegments(random), ...KEPT_FOR_EVER, ...makeTier(random) } },
  ];
  const first = random.below(kinds.length);
  const count = random.pick([1, 1, 2]);
  const chosen = Array.from({ length: count }, (_, i) => kinds[(first + i) % kinds.length]);
  return chosen.map((kind) => ({ ...kind, partitions: random.between(1, 2) }));
}

/** Transactions in segments that are tiered, with the index of those that were aborted. */
function tieredCopies(random: Prng, topic: TopicSpec): TopicSpec {
  if (topic.name !== "copies" || random.chance(0.3)) return topic;
  return { ...topic, configs: { ...makeSegments(random), ...KEPT_FOR_EVER, ...makeTier(random) } };
}

function makeSegments(random: Prng): Configs {
  return { "segment.ms": `${random.pick([300, 1_500, 10_000])}`, "segment.bytes": SEGMENT_BYTES };
}

function makeTier(random: Prng): Configs {
  const local: Configs = random.chance(0.6)
    ? { "local.retention.ms": `${random.pick([1, 1_000])}` }
    : { "local.retention.bytes": `${random.pick([1, 3_000])}` };
  return { "remote.storage.enable": "true", ...local };
}

function makeExpiry(random: Prng): Configs {
  return { "retention.ms": `${random.pick([4_000, 8_000])}` };
}

function makeKept(random: Prng): Configs {
  const segments = makeSegments(random);
  const bounds = random.chance(0.5)
    ? { ...KEPT_FOR_EVER, "retention.bytes": `${random.pick([3_000, 10_000])}` }
    : makeExpiry(random);
  if (random.chance(0.5)) return { ...segments, ...bounds };
  // Local retention may not be larger than the whole.
  return {
    ...segments,
    ...bounds,
    "remote.storage.enable": "true",
    "local.retention.ms": "1",
    "local.retention.bytes": "1",
  };
}

function makeCompact(random: Prng, policy: string): Configs {
  return {
    "cleanup.policy": policy,
    "segment.ms": `${random.pick([300, 1_500])}`,
    "segment.bytes": SEGMENT_BYTES,
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": `${random.pick([0, 2_000, 86_400_000])}`,
    "min.compaction.lag.ms": `${random.pick([0, 0, 6_000])}`,
  };
}

function makeFetch(random: Prng, isCommittedOnly: boolean): FetchSpec {
  return {
    version: random.pick([11, 12, 13, 17]),
    hasSessions: random.chance(0.5),
    maxWaitMs: 500,
    pollGapMs: random.pick([20, 150]),
    maxBytes: random.pick([5_000, 50_000, 1_000_000]),
    partitionMaxBytes: random.pick([1, 2_000, 100_000]),
    isCommittedOnly,
  };
}

function makeProducers(random: Prng, { name, configs }: TopicSpec): ProducerSpec[] {
  const isKeyed = configs?.["cleanup.policy"] !== undefined;
  return Array.from({ length: isKeyed ? random.between(1, 2) : 1 }, (_, i) => {
    const idempotent = random.chance(0.6);
    return {
      name: `${name}-p${i}`,
      topics: [name],
      acks: idempotent ? -1 : random.pick([-1, 1, 0] as const),
      idempotent,
      maxInFlight: random.pick([1, 5]),
      version: name === GONE ? 13 : random.pick([7, 9, 12]),
      codec: random.chance(0.2) ? random.pick([1, 2, 3, 4] as const) : 0,
      meanGapMs: random.pick([60, 120, 250]),
      maxRecords: random.pick([1, 3, 8]),
      valueBytes: random.pick([30, 100, 400]),
      startMs: random.between(0, 500),
      deliveryTimeoutMs: random.pick([5_000, 30_000]),
      requestTimeoutMs: random.pick([500, 2_000]),
      strayShare: 0,
      ...(isKeyed ? { keys: random.pick([4, 12, 30]), tombstoneShare: random.pick([0, 0.1, 0.4]) } : {}),
    };
  });
}

/** Some topics that only the object store holds on to get their newest timestamps first. */
function makeGoingBack(seed: number, { name, configs = {} }: TopicSpec, producers: ProducerSpec[]): ProducerSpec[] {
  const random = Prng.named(seed, `going back in ${name}`);
  const isTiered = configs["remote.storage.enable"] === "true" && configs["retention.ms"] === "-1";
  if (!isTiered || !random.chance(GOES_BACK_SHARE)) return producers;
  return producers.map((producer) => ({ ...producer, goesBack: true }));
}

function makeWriters(random: Prng, to: string): WriterSpec[] {
  return Array.from({ length: random.between(0, 2) }, (_, i) => ({
    name: `${to}-w${i}`,
    transactionalId: `${to}-tx${i}`,
    to,
    isV2: random.chance(0.5),
    keys: random.pick([4, 12]),
    tombstoneShare: random.pick([0, 0.2]),
    maxRecords: 3,
    gapMs: random.pick([50, 300]),
    abortShare: random.pick([0.1, 0.5]),
    slowShare: random.pick([0, 0.3]),
    transactionTimeoutMs: random.pick([1_000, 10_000]),
    startMs: random.between(0, 1_000),
  }));
}

function makeAdmin(random: Prng, { name, partitions, configs = {} }: TopicSpec, duration: number): AdminAction[] {
  const actions: AdminAction[] = [];
  for (let atMs = random.exponential(7_000); atMs < duration; atMs += 1_000 + random.exponential(7_000)) {
    const at = { atMs: Math.floor(atMs), topic: name };
    if (name === GONE) {
      actions.push({ ...at, action: "delete" });
      actions.push({ ...at, atMs: at.atMs + random.between(50, 2_000), action: "create", partitions, configs });
    } else if (random.chance(0.5)) {
      const share = random.pick([0.1, 0.5, 0.9, 1]);
      actions.push({ ...at, action: "delete-records", partition: random.below(partitions), share });
    }
  }
  return actions;
}

function makeFaults(random: Prng, { seed, untilMs, brokers }: Workload): Fault[] {
  const faults: Fault[] = [];
  const slowness = Prng.named(seed, "slow disks");
  const meanGapMs = random.pick([1_500, 4_000, 12_000]);
  for (let atMs = random.exponential(meanGapMs); atMs < untilMs; atMs += random.exponential(meanGapMs)) {
    const at = { atMs: Math.floor(atMs), broker: random.between(1, brokers) };
    const forMs = Math.floor(100 + random.exponential(3_000));
    const dice = random.below(10);
    // What is told while a commit is under way must not be taken back by it.
    if (dice < 5 && slowness.chance(0.5)) faults.push({ kind: "slow-disk", ...at, forMs: 1_500, byMs: 300 });
    if (dice < 5) faults.push({ kind: "crash-at-step", ...at, step: "commit", count: random.between(1, 6) });
    else if (dice < 8) faults.push({ kind: "crash-at-step", ...at, step: "object", count: random.between(1, 3) });
    else if (dice < 9) faults.push({ kind: "objects-down", atMs: at.atMs, forMs });
    else faults.push({ kind: "objects-slow", atMs: at.atMs, forMs, byMs: random.pick([50, 500, 2_000]) });
  }
  return faults;
}
