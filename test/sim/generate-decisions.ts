import type { Fault } from "./faults.ts";
import { Prng } from "./prng.ts";
import type { Workload } from "./workload.ts";

const SHARE = 0.125;
const TOPIC = "decided";
const CLIENT = "decider";

/**
 * Adds to a share of the seeds transactions over several brokers whose coordinator dies at the moment when the first of the others hears how one
 * ended, while its producer hangs for longer than it may take: if the coordinator had told before it was sure, it would now end the
 * transaction the other way.
 */
export function withDecisions(workload: Workload): Workload {
  const { seed, brokers } = workload;
  const random = Prng.named(seed, "decisions");
  if (brokers === 1 || !random.chance(SHARE)) return workload;
  const writer = {
    name: CLIENT,
    transactionalId: "decided-tx",
    to: TOPIC,
    isV2: random.chance(0.5),
    keys: 20,
    tombstoneShare: 0,
    maxRecords: 3,
    gapMs: random.pick([30, 100]),
    abortShare: 0,
    slowShare: 0,
    transactionTimeoutMs: 1_500,
    startMs: random.between(0, 500),
  };
  const fetch = {
    version: random.pick([11, 12, 13, 17]),
    hasSessions: random.chance(0.5),
    maxWaitMs: 100,
    pollGapMs: 50,
    maxBytes: 1_000_000,
    partitionMaxBytes: 100_000,
    isCommittedOnly: true,
  };
  return {
    ...workload,
    topics: [...workload.topics, { name: TOPIC, partitions: random.between(2, 4), configs: {} }],
    readers: [...workload.readers, { name: "r-decided", topics: [TOPIC], fetch, startMs: 0 }],
    writers: [...(workload.writers ?? []), writer],
    faults: [...workload.faults, ...makeCrashes(random, workload)],
  };
}

/** Whoever the coordinator is: each broker gets its turn. */
function makeCrashes(random: Prng, { untilMs, brokers }: Workload): Fault[] {
  const faults: Fault[] = [];
  let turn = random.below(brokers);
  for (let atMs = random.between(1_000, 2_500); atMs < untilMs; atMs += random.between(2_500, 4_000)) {
    const broker = 1 + (turn++ % brokers);
    faults.push({ kind: "crash-at-decision", atMs, broker, client: CLIENT, forMs: 1_000, hangMs: 2_500 });
  }
  return faults;
}
