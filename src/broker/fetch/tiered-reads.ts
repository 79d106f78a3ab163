import type { PartitionLog } from "#log/partition-log.ts";
import type { ReadBatches } from "#log/read.ts";
import { TIERED_WAIT_MS } from "#log/tiering/limits.ts";
import { Patience } from "#log/tiering/patience.ts";
import type { TieredFailure } from "#log/tiering/tiered-reader.ts";
import type { Broker } from "../broker.ts";
import type { FetchLimits } from "./read.ts";
import type { FetchTarget } from "./sessions.ts";

/** Partitions that one Fetch reads from the object store; a reader of more gets the others with its next ones. */
const MAX_TIERED_PARTITIONS = 4;

/** What was read from the object store for the targets of a Fetch, before the rest of it is read at once. */
export type TieredReads = ReadonlyMap<FetchTarget, ReadBatches | TieredFailure>;

interface TieredTarget {
  readonly target: FetchTarget;
  readonly log: PartitionLog;
  readonly upperBound: number;
}

/** For whom the reads are. */
export interface TieredWait {
  isThere(): boolean;
  /** Until then it waits for records; a read from the object store that begins later ends TIERED_WAIT_MS behind it all the same. */
  readonly deadlineMs: number;
}

/**
 * Reads what of the targets isn't in the broker's store any more. Null, without a wait, where nothing of that is asked for. Nothing is
 * read any more for somebody who has gone, and what isn't there in time is left out.
 */
export function readTiered(
  broker: Broker,
  targets: readonly FetchTarget[],
  limits: FetchLimits,
  { isThere, deadlineMs }: TieredWait,
): Promise<TieredReads> | null {
  const { tier } = broker;
  if (tier === null) return null;
  const wanted = targets.flatMap((target) => tieredTarget(broker, target, limits) ?? []);
  if (wanted.length === 0) return null;
  // Another Fetch begins with other partitions, so that each has its turn.
  const first = broker.nextTurn(wanted.length);
  const chosen = [...wanted.slice(first), ...wanted.slice(0, first)].slice(0, MAX_TIERED_PARTITIONS);
  const shareBytes = Math.floor(limits.maxBytes / chosen.length);
  const waitMs = Math.min(TIERED_WAIT_MS, deadlineMs + TIERED_WAIT_MS - broker.clock.nowMs());
  return Patience.during({ timers: broker.timers, waitMs, isThere }, async (patience) => {
    const reads = chosen.map(async ({ target, log, upperBound }, i) => {
      const maxBytes = Math.max(0, Math.min(target.maxBytes, shareBytes));
      const limits = { maxBytes, upperBound, minOneMessage: i === 0 };
      const read = await tier.readFrom(log, target.fetchOffset, limits, patience);
      return [target, read] as const;
    });
    return new Map(await Promise.all(reads));
  });
}

function tieredTarget(
  broker: Broker,
  target: FetchTarget,
  { byTopicId, committedOnly }: FetchLimits,
): TieredTarget | undefined {
  const topic = byTopicId ? broker.cluster.topicById(target.topic) : broker.cluster.topicByName(target.topic);
  const log = broker.lead(topic, target.partitionIndex);
  if (typeof log === "number") return undefined;
  if (log.tieredSegmentAt(target.fetchOffset) === null) return undefined;
  return { target, log, upperBound: committedOnly ? log.lastStableOffset : log.highWatermark };
}
