import type { PartitionSegments } from "./partition-segments.ts";
import type { Segment } from "./segments.ts";

/** What a topic says about the age and size of its logs, by Kafka's names. */
export interface RetentionConfig {
  /** `cleanup.policy` holds compact: its segments stay in the store, as in Kafka. */
  readonly compacted: boolean;
  /** `cleanup.policy` holds delete: without, age and size don't matter. */
  readonly deletes: boolean;
  /** -1 = without bound. */
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly remoteStorageEnable: boolean;
  readonly remoteLogCopyDisable: boolean;
  readonly remoteLogDeleteOnDisable: boolean;
  /** -2 = as without `local`, -1 = without bound. */
  readonly localRetentionMs: number;
  readonly localRetentionBytes: number;
  /** -1 = as local retention says, 0 = at once. */
  readonly remoteCopyLagMs: number;
  readonly remoteCopyLagBytes: number;
}

/** One partition's log, as far as retention looks at it. */
export interface RetainedLog {
  readonly segments: PartitionSegments;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  readonly lastStableOffset: number;
}

/** Where the log begins once what has expired is gone. */
export interface Expiry {
  readonly logStartOffset: number;
  /** The active segment has expired, too: it must be sealed first, as nothing is deleted but whole segments. */
  readonly rollsActive: boolean;
}

interface Aged {
  readonly endOffset: number;
  readonly sizeInBytes: number;
  readonly newestMs: number;
}

/**
 * What Kafka deletes: from the oldest on whole segments, as long as the log would still have `retention.bytes` without the segment, or its newest
 * record is older than `retention.ms`. Null when nothing has expired. Over all tiers together.
 */
export function expiry(log: RetainedLog, config: RetentionConfig, nowMs: number): Expiry | null {
  if (!config.deletes) return null;
  const bySize = expiredBySize(log, config.retentionBytes);
  const byAge = expiredByAge(log, config.retentionMs, nowMs);
  const later = Math.max(bySize, byAge);
  if (later === NOTHING) return null;
  return { logStartOffset: later, rollsActive: later > log.segments.active.baseOffset };
}

const NOTHING = -1;

function expiredBySize(log: RetainedLog, retentionBytes: number): number {
  if (retentionBytes < 0) return NOTHING;
  let excess = log.segments.sizeInBytes - retentionBytes;
  return endOfPrefix(log, ({ sizeInBytes }) => {
    excess -= sizeInBytes;
    return excess >= 0;
  });
}

function expiredByAge(log: RetainedLog, retentionMs: number, nowMs: number): number {
  if (retentionMs < 0) return NOTHING;
  return endOfPrefix(log, ({ newestMs }) => nowMs - newestMs > retentionMs);
}

/** The end of the oldest segments for which `isExpired` holds, as far as they are committed. */
function endOfPrefix(log: RetainedLog, isExpired: (segment: Aged) => boolean): number {
  let end = NOTHING;
  for (const segment of aged(log)) {
    if (segment.endOffset > log.highWatermark || !isExpired(segment)) break;
    end = segment.endOffset;
  }
  return end;
}

function* aged({ segments, logEndOffset }: RetainedLog): Generator<Aged> {
  yield* segments.sealed;
  const { sizeInBytes } = segments.active;
  // What is staged isn't committed: then its end lies behind the high watermark.
  if (sizeInBytes > 0) yield { endOffset: logEndOffset, sizeInBytes, newestMs: segments.activeNewestMs };
}

/** The first moment at which age alone deletes something; infinity when that never comes by itself. */
export function expiresAtMs({ segments }: RetainedLog, { deletes, retentionMs }: RetentionConfig): number {
  if (!deletes || retentionMs < 0) return Number.POSITIVE_INFINITY;
  const [oldest] = segments.sealed;
  if (oldest !== undefined) return oldest.newestMs + retentionMs + 1;
  return segments.active.sizeInBytes > 0 ? segments.activeNewestMs + retentionMs + 1 : Number.POSITIVE_INFINITY;
}

/** Whether the topic wants its sealed segments in the object store, whether or not there is room for them here. */
export function isTiered({ remoteStorageEnable, compacted }: RetentionConfig): boolean {
  return remoteStorageEnable && !compacted;
}

/** Whether the broker may move the topic's segments to the object store when it needs the room. */
export function mayBeTiered({ remoteLogDeleteOnDisable, remoteStorageEnable, compacted }: RetentionConfig): boolean {
  return !compacted && (remoteStorageEnable || !remoteLogDeleteOnDisable);
}

/** The oldest segment without a copy, or one on its way, whose copy is due (`remote.copy.lag.*`), and the moment at which one will be by age. */
export function copyDue(
  log: RetainedLog,
  config: RetentionConfig,
  nowMs: number,
): { readonly segment: Segment | null; readonly dueAtMs: number } {
  const none = { segment: null, dueAtMs: Number.POSITIVE_INFINITY };
  if (!isTiered(config) || config.remoteLogCopyDisable) return none;
  const segment = log.segments.sealed.find(({ object, isFree }) => object === null && isFree);
  if (segment === undefined || segment.isTooLarge || segment.endOffset > log.lastStableOffset) return none;
  const lagMs = config.remoteCopyLagMs === -1 ? localRetention(config).ms : config.remoteCopyLagMs;
  const lagBytes = config.remoteCopyLagBytes === -1 ? localRetention(config).bytes : config.remoteCopyLagBytes;
  const dueAtMs = lagMs < 0 ? Number.POSITIVE_INFINITY : segment.newestMs + lagMs;
  const isDueByAge = lagMs === 0 || nowMs >= dueAtMs;
  const isDueBySize = lagBytes === 0 || (lagBytes > 0 && bytesAfter(log, segment) >= lagBytes);
  return isDueByAge || isDueBySize ? { segment, dueAtMs: nowMs } : { segment: null, dueAtMs };
}

function bytesAfter({ segments }: RetainedLog, segment: Segment): number {
  const newer = segments.sealed.filter(({ baseOffset }) => baseOffset > segment.baseOffset);
  return newer.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, segments.active.sizeInBytes);
}

function localRetention(config: RetentionConfig): { readonly ms: number; readonly bytes: number } {
  return {
    ms: config.localRetentionMs === -2 ? config.retentionMs : config.localRetentionMs,
    bytes: config.localRetentionBytes === -2 ? config.retentionBytes : config.localRetentionBytes,
  };
}

/** The segments whose rows `local.retention.*` gives up: the oldest with rows, as far as they have objects. */
export function locallyExpired(log: RetainedLog, config: RetentionConfig, nowMs: number): Segment[] {
  if (!isTiered(config) || config.remoteLogCopyDisable) return [];
  const { ms, bytes } = localRetention(config);
  const local = log.segments.sealed.filter(({ hasRows }) => hasRows);
  let excess = local.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, log.segments.active.sizeInBytes) - bytes;
  const expired: Segment[] = [];
  for (const segment of local) {
    excess -= segment.sizeInBytes;
    const isOver = bytes >= 0 && excess >= 0;
    const isOld = ms >= 0 && nowMs - segment.newestMs > ms;
    if (segment.object === null || !(isOver || isOld)) break;
    expired.push(segment);
  }
  return expired;
}

/** The first moment at which `local.retention.ms` gives up rows; infinity when that never comes by itself. */
export function locallyExpiresAtMs({ segments }: RetainedLog, config: RetentionConfig): number {
  const { ms } = localRetention(config);
  if (!isTiered(config) || config.remoteLogCopyDisable || ms < 0) return Number.POSITIVE_INFINITY;
  const oldest = segments.sealed.find(({ hasRows }) => hasRows);
  return oldest?.object == null ? Number.POSITIVE_INFINITY : oldest.newestMs + ms + 1;
}
