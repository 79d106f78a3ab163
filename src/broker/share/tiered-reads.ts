import type { ReadBatches } from "#log/read.ts";
import { TIERED_WAIT_MS } from "#log/tiering/limits.ts";
import { Patience } from "#log/tiering/patience.ts";
import type { TieredFailure } from "#log/tiering/tiered-reader.ts";
import type { Broker } from "../broker.ts";
import type { LoadedSharePartition } from "./partitions.ts";
import { MAX_READ_BYTES, type ShareReadLimits, upperBound } from "./read.ts";

/** Share partitions that one ShareFetch reads from the object store; a member of more gets the others with its next ones. */
const MAX_TIERED_PARTITIONS = 4;

/** What was read from the object store for a share partition, and from where. */
export interface SharePreread {
  readonly fetchOffset: number;
  readonly read: ReadBatches | TieredFailure;
}

export type SharePrereads = ReadonlyMap<LoadedSharePartition, SharePreread>;

const NONE: SharePrereads = new Map();

/**
 * Reads what of the share partitions isn't in the broker's store any more. Without a wait where there is no such thing. Nothing is read any
 * more for somebody who has gone, and what isn't there in time is left out.
 */
export function readTieredShared(
  broker: Broker,
  shared: readonly LoadedSharePartition[],
  limits: ShareReadLimits,
  isThere: () => boolean,
): Promise<SharePrereads> | SharePrereads {
  const { tier } = broker;
  if (tier === null) return NONE;
  const wanted = shared.flatMap((one) => {
    const fetchOffset = one.partition.nextFetchOffset();
    return one.led.log.tieredSegmentAt(fetchOffset) === null ? [] : [{ one, fetchOffset }];
  });
  if (wanted.length === 0) return NONE;
  return Patience.during({ timers: broker.timers, waitMs: TIERED_WAIT_MS, isThere }, async (patience) => {
    const reads = wanted.slice(0, MAX_TIERED_PARTITIONS).map(async ({ one, fetchOffset }) => {
      const { isReadCommitted } = limits;
      const maxBytes = Math.min(limits.maxBytes, MAX_READ_BYTES);
      const bounds = { maxBytes, upperBound: upperBound(one, isReadCommitted), minOneMessage: true };
      return [one, { fetchOffset, read: await tier.readFrom(one.led.log, fetchOffset, bounds, patience) }] as const;
    });
    return new Map(await Promise.all(reads));
  });
}
