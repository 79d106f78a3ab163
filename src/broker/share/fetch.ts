import type { PartitionImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { AcquiredRange } from "#share/acquire.ts";
import type { ShareSettings } from "#share/limits.ts";
import type { AcquireMode } from "#share/record-state.ts";
import type { SessionMember, SharePartitionName } from "#share/sessions.ts";
import type { Broker } from "../broker.ts";
import type { Peer } from "../handler.ts";
import type { LoadedSharePartition } from "./partitions.ts";
import { readAndAcquire, type ShareReadLimits, upperBound } from "./read.ts";
import { readTieredShared, type SharePrereads } from "./tiered-reads.ts";

export interface ShareFetchCommand extends SessionMember {
  readonly deadlineMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxRecords: number;
  readonly batchSize: number;
  readonly mode: AcquireMode;
  readonly targets: readonly SharePartitionName[];
}

/** What one partition of a ShareFetch gets. */
export interface SharePartitionFetch {
  readonly target: SharePartitionName;
  readonly partition: PartitionImage | undefined;
  readonly errorCode: ErrorCode;
  readonly ranges: readonly AcquiredRange[];
  readonly chunks: readonly Uint8Array[];
  readonly sizeInBytes: number;
}

interface Opened {
  readonly target: SharePartitionName;
  readonly partition: PartitionImage | undefined;
  readonly shared: LoadedSharePartition | ErrorCode;
}

/**
 * Waits until there is enough to acquire, or for the deadline, and acquires it. Null when the client has gone meanwhile. Partitions that can't
 * be had are told with what the others bring, and at once when there are no others.
 */
export async function shareFetch(
  broker: Broker,
  peer: Peer,
  command: ShareFetchCommand,
): Promise<readonly SharePartitionFetch[] | null> {
  for (;;) {
    const opened = await openAll(broker, command);
    if (peer.hasVanished) return null;
    const shared = loadedOf(opened);
    const isDue = broker.clock.nowMs() >= command.deadlineMs;
    if (shared.length === 0 || isDue || isEnough(broker, shared, command)) {
      return acquireAll({ broker, peer }, opened, command);
    }
    const isSatisfied = () =>
      shared.some((one) => !broker.shares.partitions.isCurrent(one)) || isEnough(broker, shared, command);
    const logs = shared.map(({ led }) => led.log);
    if (await broker.parkFetch(logs, command.deadlineMs, peer, isSatisfied)) continue;
    if (peer.hasVanished) return null;
    return acquireAll({ broker, peer }, await openAll(broker, command), command);
  }
}

function loadedOf(opened: readonly Opened[]): LoadedSharePartition[] {
  return opened.flatMap(({ shared }) => (typeof shared === "number" ? [] : [shared]));
}

function openAll(broker: Broker, { groupId, targets }: ShareFetchCommand): Promise<Opened[]> {
  return Promise.all(
    targets.map(async (target) => {
      const topic = broker.cluster.topicById(target.topicId);
      const partition = topic?.partitions[target.partitionIndex];
      if (topic === undefined) return { target, partition, shared: ErrorCode.UNKNOWN_TOPIC_ID };
      const log = broker.lead(topic, target.partitionIndex);
      if (typeof log === "number" || partition === undefined) {
        return { target, partition, shared: typeof log === "number" ? log : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
      }
      const led = { log, leaderEpoch: partition.leaderEpoch };
      return { target, partition, shared: await broker.shares.partitions.open({ groupId, ...target }, led) };
    }),
  );
}

/** Without reading anything: asked at every change for every fetch that waits. */
function isEnough(broker: Broker, shared: readonly LoadedSharePartition[], command: ShareFetchCommand): boolean {
  const settings = broker.shares.settings(command.groupId);
  const acquirable = shared.filter((one) => canAcquire(one, settings));
  const limitBytes = Math.max(1, Math.floor(command.maxBytes / Math.max(1, acquirable.length)));
  let sizeInBytes = 0;
  for (const one of acquirable) {
    const bound = upperBound(one, settings.isReadCommitted);
    const from = one.partition.nextFetchOffset();
    if (from < bound) sizeInBytes += one.led.log.bytesAvailable(from, limitBytes, bound);
  }
  return sizeInBytes > 0 && sizeInBytes >= Math.min(command.minBytes, command.maxBytes);
}

function canAcquire({ partition, led }: LoadedSharePartition, settings: ShareSettings): boolean {
  partition.logStartMoved(led.log.logStartOffset);
  return partition.canAcquire(settings);
}

/** Null when the client has gone meanwhile: it would hold what nobody gives back before the hold runs out. */
async function acquireAll(
  { broker, peer }: { readonly broker: Broker; readonly peer: Peer },
  opened: readonly Opened[],
  command: ShareFetchCommand,
): Promise<readonly SharePartitionFetch[] | null> {
  const { isReadCommitted, ...settings } = broker.shares.settings(command.groupId);
  const wanted = loadedOf(opened).filter((one) => canAcquire(one, settings));
  const limits = { maxBytes: Math.floor(command.maxBytes / Math.max(1, wanted.length)), isReadCommitted };
  const reading = readTieredShared(broker, wanted, { ...limits, minOneMessage: true }, () => !peer.hasVanished);
  const prereads = reading instanceof Promise ? await reading : reading;
  return peer.hasVanished ? null : acquireNow(broker, opened, command, { limits, prereads });
}

interface HowToRead {
  readonly limits: Omit<ShareReadLimits, "minOneMessage">;
  readonly prereads: SharePrereads;
}

function acquireNow(
  broker: Broker,
  opened: readonly Opened[],
  { groupId, maxRecords, memberId, mode, batchSize }: ShareFetchCommand,
  { limits, prereads }: HowToRead,
): readonly SharePartitionFetch[] {
  const { shares } = broker;
  const settings = shares.settings(groupId);
  let leftRecords = maxRecords;
  let isEmpty = true;
  return opened.map(({ target, partition, shared }) => {
    const nothing = { target, partition, errorCode: ErrorCode.NONE, ranges: [], chunks: [], sizeInBytes: 0 };
    if (typeof shared === "number") return { ...nothing, errorCode: shared };
    const isThere = shares.partitions.isCurrent(shared) && canAcquire(shared, settings);
    if (!isThere || leftRecords <= 0) return nothing;
    const preread = prereads.get(shared);
    if (preread?.read.kind === "failed") {
      const isLate = preread.read.failure === "late";
      return isLate ? nothing : { ...nothing, errorCode: ErrorCode.KAFKA_STORAGE_ERROR };
    }
    const acquire = { memberId, mode, batchSize, maxRecords: leftRecords };
    const read = readAndAcquire(shares.partitions, shared, acquire, { ...limits, minOneMessage: isEmpty, preread });
    if (typeof read === "number") return { ...nothing, errorCode: read };
    leftRecords -= read.count;
    if (read.count > 0) isEmpty = false;
    return { ...nothing, ranges: read.ranges, chunks: read.chunks, sizeInBytes: read.sizeInBytes };
  });
}
