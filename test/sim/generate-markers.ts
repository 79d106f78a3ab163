import type { Fault } from "./faults.ts";
import { Prng } from "./prng.ts";
import type { AdminAction, Workload } from "./workload.ts";

const SHARE = 0.125;
const TOPIC = "marked";
/** The least that a topic may ask for; the simulation divides it (`mutants/small-limits.ts`). */
const SEGMENT_BYTES = "1048576";

/**
 * Adds to a share of the seeds what happens around the markers of transactions, with chance of its own: readers that ask again and again for how
 * far all is decided, brokers that die while a marker is on its way to the disk and are cut off from the coordinator that would write it
 * again, and logs that are cut between a transaction that was aborted and the next one of its producer, and then compacted.
 */
export function withMarkers(workload: Workload): Workload {
  const { seed, untilMs } = workload;
  const random = Prng.named(seed, "markers");
  if (!random.chance(SHARE)) return workload;
  const configs = {
    "cleanup.policy": "compact,delete",
    "retention.ms": "-1",
    "segment.ms": `${random.pick([500, 1_500])}`,
    "segment.bytes": SEGMENT_BYTES,
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": `${random.pick([0, 86_400_000])}`,
  };
  const writer = {
    name: "marker",
    transactionalId: "marked-tx",
    to: TOPIC,
    isV2: random.chance(0.5),
    keys: random.pick([12, 60]),
    tombstoneShare: 0,
    maxRecords: 3,
    gapMs: random.pick([30, 100]),
    abortShare: random.pick([0.1, 0.3]),
    slowShare: 0,
    transactionTimeoutMs: 10_000,
    startMs: random.between(0, 500),
  };
  const fetch = {
    version: random.pick([11, 12, 13, 17]),
    hasSessions: random.chance(0.5),
    maxWaitMs: 50,
    pollGapMs: 20,
    maxBytes: 1_000_000,
    partitionMaxBytes: 100_000,
    isCommittedOnly: true,
  };
  return {
    ...workload,
    topics: [...workload.topics, { name: TOPIC, partitions: 1, configs }],
    readers: [...workload.readers, { name: "r-marked", topics: [TOPIC], fetch, startMs: 0 }],
    writers: [...(workload.writers ?? []), writer],
    admin: [...workload.admin, ...makeCuts(random, untilMs)],
    faults: [...workload.faults, ...(workload.brokers > 1 ? makeCrashes(random, untilMs) : [])],
  };
}

/** The last one when few records are written any more, so that what stands behind it is still the newest of its keys. */
function makeCuts(random: Prng, untilMs: number): AdminAction[] {
  const cuts: AdminAction[] = [];
  const cut = (atMs: number) => {
    const share = random.pick([0.3, 0.6, 0.9]);
    cuts.push({ atMs, topic: TOPIC, action: "delete-records", partition: 0, share });
  };
  for (let atMs = random.between(1_500, 4_000); atMs < untilMs - 2_000; atMs += random.between(1_500, 4_000)) cut(atMs);
  cut(untilMs - random.between(100, 1_500));
  return cuts;
}

function makeCrashes(random: Prng, untilMs: number): Fault[] {
  const faults: Fault[] = [];
  for (let atMs = random.between(1_000, 2_000); atMs < untilMs; atMs += random.between(2_000, 4_000))
    faults.push({ kind: "crash-at-marker", atMs, afterMs: random.between(60, 150), cutMs: random.between(500, 1_500) });
  return faults;
}
