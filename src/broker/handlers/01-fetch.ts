/**
 * Fetch, 4–18: batches as they are stored, from the fetch offset up to the high watermark; with isolation level read_committed up to the
 * last stable offset, and with the transactions before it that were aborted.
 *
 * Nothing is decompressed or encoded anew; the last batch may begin before the fetch offset, and the first one of an
 * answer is given even when it is larger than the limits (KIP-74). Below `minBytes` the request parks until an append or
 * its deadline. Sessions: `../fetch-sessions.ts`. Departures from Kafka: an answer holds at most MAX_FETCH_BYTES,
 * since an object has 128 MB for all its clients; what must be read from the object store is waited for up to 15 s beyond the request's own
 * wait, where Kafka waits `remote.fetch.max.wait.ms` (0.5 s), and a partition of which it isn't there by then is answered empty; followers don't
 * fetch yet.
 */
import { ErrorCode } from "#protocol/errors.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import type { Broker } from "../broker.ts";
import { type FetchLimits, type PartitionRead, readPartitions } from "../fetch/read.ts";
import type { FetchContext, FetchTarget } from "../fetch/sessions.ts";
import { readTiered, type TieredReads } from "../fetch/tiered-reads.ts";
import { type Answer, CLOSE_CONNECTION, handler, type RequestContext, WHEN_WRITTEN } from "../handler.ts";
import { currentLeader, nodeEndpoints } from "../leader-hints.ts";

/** Kafka's `fetch.max.bytes` is 55 MB. */
export const MAX_FETCH_BYTES = 8 * 1024 * 1024;

/** What all clients together may leave unread before answers shrink. */
export const MAX_UNREAD_BYTES = 32 * 1024 * 1024;

/** To this and no further: whole batches, one at least. */
const MIN_FETCH_BYTES = 64 * 1024;

/** The longest that a request parks, whatever `maxWaitMs` says. */
export const MAX_FETCH_WAIT_MS = 5 * 60_000;

const FIRST_VERSION_BY_TOPIC_ID = 13;
const READ_COMMITTED = 1;

/** The errors whose answers Kafka makes without looking at the isolation level. */
const UNKNOWN: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID]);

export const fetch = handler({
  request: FetchRequest,
  response: FetchResponse,
  min: 4,
  max: 18,
  async handle(context, request) {
    const session = openSession(context, request);
    if (session.errorCode !== ErrorCode.NONE) return { errorCode: session.errorCode };
    const limits = {
      maxBytes: Math.min(request.maxBytes, roomForAnswer(context.broker)),
      byTopicId: context.apiVersion >= FIRST_VERSION_BY_TOPIC_ID,
      committedOnly: request.isolationLevel === READ_COMMITTED,
    };
    const reads = await readOrPark(context, request, session.targets, limits);
    if (reads.length < session.targets.length) return CLOSE_CONNECTION;
    return answer(context, session, reads);
  },
});

/** The more answers wait for their readers, the smaller the next ones are. */
export function roomForAnswer(broker: Broker): number {
  const left = MAX_UNREAD_BYTES - broker.answers.bytes;
  return Math.max(MIN_FETCH_BYTES, Math.min(MAX_FETCH_BYTES, Math.floor(left / 2)));
}

function openSession(context: RequestContext, request: FetchRequest): FetchContext {
  const byTopicId = context.apiVersion >= FIRST_VERSION_BY_TOPIC_ID;
  return context.broker.fetchSessions.open({
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    byTopicId,
    nowMs: context.nowMs,
    targets: request.topics.flatMap((topic) =>
      topic.partitions.map((partition) => ({
        topic: byTopicId ? topic.topicId : topic.topic,
        partitionIndex: partition.partition,
        fetchOffset: partition.fetchOffset,
        maxBytes: partition.partitionMaxBytes,
        currentLeaderEpoch: partition.currentLeaderEpoch,
        lastFetchedEpoch: partition.lastFetchedEpoch,
      })),
    ),
    forgotten: request.forgottenTopicsData.flatMap((topic) =>
      topic.partitions.map((partitionIndex) => ({ topic: byTopicId ? topic.topicId : topic.topic, partitionIndex })),
    ),
  });
}

async function readOrPark(
  { broker, peer, nowMs }: RequestContext,
  request: FetchRequest,
  targets: readonly FetchTarget[],
  limits: FetchLimits,
): Promise<readonly PartitionRead[]> {
  const deadlineMs = nowMs + Math.min(request.maxWaitMs, MAX_FETCH_WAIT_MS);
  const wait = { isThere: () => !peer.hasVanished, deadlineMs };
  for (;;) {
    // Nothing may wait between the reads and the parking, or a commit could come and go unseen.
    const reading = readTiered(broker, targets, limits, wait);
    const tiered = reading === null ? null : await reading;
    const { reads, waiting } = readOnce(broker, request, targets, { ...limits, tiered });
    if (reads !== null) return reads;
    if (!(await park({ broker, peer }, request, waiting, { ...limits, deadlineMs }))) break;
  }
  // At the deadline the client gets what there is, which may be more than there was when it began to wait.
  if (peer.hasVanished) return [];
  return readPartitions(broker, targets, limits, await readTiered(broker, targets, limits, wait));
}

type Waiting = Pick<PartitionRead, "log" | "target">;

/** What there is, or null when it isn't enough yet: then nothing of it is kept, since a thousand that wait would hold gigabytes. */
function readOnce(
  broker: Broker,
  request: FetchRequest,
  targets: readonly FetchTarget[],
  { tiered, ...limits }: FetchLimits & { readonly tiered: TieredReads | null },
) {
  const reads = readPartitions(broker, targets, limits, tiered);
  const isDone = request.maxWaitMs <= 0 || targets.length === 0 || isEnough(reads, request.minBytes);
  if (isDone) return { reads, waiting: [] };
  releaseAll(reads);
  return { reads: null, waiting: reads.map(({ log, target }) => ({ log, target })) };
}

/** Waits until there is enough; false at the deadline, or when the client has gone. */
function park(
  { broker, peer }: Pick<RequestContext, "broker" | "peer">,
  request: FetchRequest,
  waiting: readonly Waiting[],
  { deadlineMs, ...limits }: FetchLimits & { readonly deadlineMs: number },
): Promise<boolean> {
  const logs = waiting.flatMap(({ log }) => (log === null ? [] : [log]));
  const wanted = Math.min(request.minBytes, limits.maxBytes);
  const isSatisfied = () => bytesAvailable(waiting, limits) >= wanted;
  return broker.parkFetch(logs, deadlineMs, peer, isSatisfied);
}

/** What a read would find, without reading: asked at every commit for every fetch that waits. */
function bytesAvailable(waiting: readonly Waiting[], { maxBytes, committedOnly }: FetchLimits): number {
  return waiting.reduce((sum, { log, target }) => {
    if (log === null) return sum;
    const upperBound = committedOnly ? log.lastStableOffset : log.highWatermark;
    return sum + log.bytesAvailable(target.fetchOffset, Math.min(target.maxBytes, maxBytes), upperBound);
  }, 0);
}

/**
 * An error or a divergence is answered at once, whatever there is to read, and so is an answer that can't get fuller:
 * it holds whole batches, so it may never reach `minBytes` exactly.
 */
function isEnough(reads: readonly PartitionRead[], minBytes: number): boolean {
  let sizeInBytes = 0;
  for (const read of reads) {
    if (read.errorCode !== ErrorCode.NONE || read.divergingEpoch !== undefined || read.isFull) return true;
    sizeInBytes += read.sizeInBytes;
  }
  return sizeInBytes >= minBytes;
}

function answer(
  { broker, apiVersion }: RequestContext,
  session: FetchContext,
  reads: readonly PartitionRead[],
): Answer<FetchResponse> {
  const { sessionId, included } = session.select(reads);
  const byTopicId = apiVersion >= FIRST_VERSION_BY_TOPIC_ID;
  const responses: { topic: string; topicId: string; partitions: ReturnType<typeof partitionAnswer>[] }[] = [];
  const leaders: (number | undefined)[] = [];
  for (const [at, read] of reads.entries()) {
    if (!included[at]) continue;
    const { topic } = read.target;
    let last = responses.at(-1);
    if (last === undefined || (byTopicId ? last.topicId : last.topic) !== topic) {
      last = byTopicId
        ? { topic: "", topicId: topic, partitions: [] }
        : { topic, topicId: undefined as never, partitions: [] };
      responses.push(last);
    }
    const partition = partitionAnswer(read);
    leaders.push(partition.currentLeader?.leaderId);
    last.partitions.push(partition);
  }
  return {
    sessionId,
    responses,
    nodeEndpoints: nodeEndpoints(broker, leaders),
    [WHEN_WRITTEN]: () => releaseAll(reads),
  };
}

function releaseAll(reads: readonly PartitionRead[]): void {
  for (const read of reads) read.release();
}

/** Of a topic that it doesn't know, Kafka says that nothing was aborted in it. */
function abortedIn({ abortedTransactions, errorCode }: PartitionRead) {
  return abortedTransactions === null && UNKNOWN.has(errorCode) ? [] : abortedTransactions;
}

function partitionAnswer(read: PartitionRead) {
  return {
    partitionIndex: read.target.partitionIndex,
    errorCode: read.errorCode,
    highWatermark: read.highWatermark,
    lastStableOffset: read.lastStableOffset,
    logStartOffset: read.logStartOffset,
    divergingEpoch: read.divergingEpoch,
    currentLeader: currentLeader(read.errorCode, read.partition),
    abortedTransactions: abortedIn(read),
    records: read.chunks,
  };
}
