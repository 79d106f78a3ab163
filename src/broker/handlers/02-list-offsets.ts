/**
 * ListOffsets, 1–11: the offset of a moment, or one of the log's ends.
 *
 * Latest is the high watermark (the last stable offset with isolation level read_committed), earliest the log start
 * offset, -3 the first record that has the largest timestamp, also where it is tiered. Earliest local, latest tiered and earliest pending upload
 * follow the topic's remote.storage.enable: without, earliest local is earliest and the others are -1, even where the broker has moved
 * segments to make room. Departure from Kafka: searches by time open a bounded number of bytes; the partitions behind the bound are told
 * to ask again (OFFSET_NOT_AVAILABLE); the object store is waited for as long as the request says, up to 5 minutes, or 25 s where it doesn't (then
 * REQUEST_TIMED_OUT, as in Kafka, which waits 30 s where the request doesn't say).
 */
import { MalformedMessageError } from "#bytes/malformed.ts";
import { LookupBudget, type TimestampOffset } from "#log/offsets-for-times.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { MAX_TIERED_SEARCH_WAIT_MS, TIERED_SEARCH_WAIT_MS } from "#log/tiering/limits.ts";
import { Patience } from "#log/tiering/patience.ts";
import { offsetForTimestamp, offsetOfMaxTimestamp } from "#log/tiering/tiered-search.ts";
import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import type { Draft } from "#protocol/schema.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";
import { fence } from "../leader-fence.ts";

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;

/** From which version on a request may ask for this; other negative timestamps mean nothing. */
const FIRST_VERSION: ReadonlyMap<number, number> = new Map([
  [LATEST, 0],
  [EARLIEST, 0],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
]);

const FIRST_VERSION_WITH_OFFSET_NOT_AVAILABLE = 5;
const READ_COMMITTED = 1;
const NOT_FOUND = { timestamp: -1, offset: -1, leaderEpoch: -1 };

type PartitionAnswer = NonNullable<NonNullable<Draft<ListOffsetsResponse>["topics"]>[number]["partitions"]>[number];
type PartitionQuestion = ListOffsetsRequest["topics"][number]["partitions"][number];

export const listOffsets = handler({
  request: ListOffsetsRequest,
  response: ListOffsetsResponse,
  min: 1,
  max: 11,
  handle({ broker, peer, apiVersion }, request) {
    const committedOnly = request.isolationLevel === READ_COMMITTED;
    const asking = { apiVersion, committedOnly, budget: new LookupBudget() };
    if (broker.tier === null) return answerAll(broker, request, { ...asking, patience: null });
    const waitMs = Math.min(
      request.timeoutMs > 0 ? request.timeoutMs : TIERED_SEARCH_WAIT_MS,
      MAX_TIERED_SEARCH_WAIT_MS,
    );
    const wait = { timers: broker.timers, waitMs, isThere: () => !peer.hasVanished };
    return Patience.during(wait, (patience) => answerAll(broker, request, { ...asking, patience }));
  },
});

async function answerAll(
  broker: Broker,
  request: ListOffsetsRequest,
  asking: Asking,
): Promise<Draft<ListOffsetsResponse>> {
  const topics: { name: string; partitions: PartitionAnswer[] }[] = [];
  for (const [name, questions] of questionsByTopic(request)) {
    const topic = broker.cluster.topicByName(name);
    const partitions: PartitionAnswer[] = [];
    // One after another: they share what their searches may open, and their time.
    for (const [partitionIndex, question] of questions) {
      const isTwice = question === TWICE;
      const refused = { partitionIndex, errorCode: ErrorCode.INVALID_REQUEST };
      partitions.push(isTwice ? refused : await answer(broker, topic, question, asking));
    }
    topics.push({ name, partitions });
  }
  return { topics };
}

const TWICE = Symbol("asked for twice");

/** A partition that is asked for twice, in whatever entries of the request, is refused in one answer, as in Kafka. */
function questionsByTopic({ topics }: ListOffsetsRequest): Map<string, Map<number, PartitionQuestion | typeof TWICE>> {
  const byTopic = new Map<string, Map<number, PartitionQuestion | typeof TWICE>>();
  for (const { name, partitions } of topics) {
    const questions = byTopic.get(name) ?? new Map<number, PartitionQuestion | typeof TWICE>();
    for (const question of partitions) {
      questions.set(question.partitionIndex, questions.has(question.partitionIndex) ? TWICE : question);
    }
    byTopic.set(name, questions);
  }
  return byTopic;
}

interface Asking {
  readonly apiVersion: number;
  readonly committedOnly: boolean;
  readonly budget: LookupBudget;
  /** For the object store; null where there is none. */
  readonly patience: Patience | null;
}

async function answer(
  broker: Broker,
  topic: TopicImage | undefined,
  question: PartitionQuestion,
  asking: Asking,
): Promise<PartitionAnswer> {
  const { partitionIndex, currentLeaderEpoch, timestamp } = question;
  const log = broker.lead(topic, partitionIndex);
  if (typeof log === "number") return { partitionIndex, errorCode: log };
  const partition = topic?.partitions[partitionIndex];
  const errorCode = fence(partition, currentLeaderEpoch);
  if (errorCode !== ErrorCode.NONE) return { partitionIndex, errorCode };
  if (timestamp < 0 && asking.apiVersion < (FIRST_VERSION.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
    return { partitionIndex, errorCode: ErrorCode.UNSUPPORTED_VERSION };
  }
  const isSearch = timestamp >= 0 || timestamp === MAX_TIMESTAMP;
  if (isSearch && asking.budget.isSpent) {
    const isOld = asking.apiVersion < FIRST_VERSION_WITH_OFFSET_NOT_AVAILABLE;
    return { partitionIndex, errorCode: isOld ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.OFFSET_NOT_AVAILABLE };
  }
  const end = asking.committedOnly ? log.lastStableOffset : log.highWatermark;
  if (!isSearch)
    return { partitionIndex, errorCode, ...limitOf(log, timestamp, { end, isTiered: isTiered(broker, topic) }) };
  const found = await search(broker, log, timestamp, { ...asking, end });
  if (found === null) return { partitionIndex, errorCode, ...NOT_FOUND };
  if (typeof found === "number") return { partitionIndex, errorCode: found };
  return {
    partitionIndex,
    errorCode,
    timestamp: found.timestampMs,
    offset: found.offset,
    leaderEpoch: found.leaderEpoch,
  };
}

function isTiered(broker: Broker, topic: TopicImage | undefined): boolean {
  return broker.tier !== null && topic !== undefined && broker.configOf(topic).remoteStorageEnable;
}

/** One of the log's ends; each comes with the epoch of the leader that wrote the record there. */
function limitOf(log: PartitionLog, timestamp: number, { end, isTiered }: { end: number; isTiered: boolean }) {
  const at = (offset: number) => ({ timestamp: -1, offset, leaderEpoch: log.epochForOffset(offset) });
  const places = log.segments.committedPlaces;
  const startOffset = log.committedStartOffset;
  const localStartOffset = Math.max(startOffset, places.localStartOffset);
  const tieredEndOffset = isTiered ? places.tieredEndOffset : null;
  switch (timestamp) {
    case LATEST:
      return { timestamp: -1, offset: end, leaderEpoch: log.latestEpoch };
    case EARLIEST_LOCAL:
      return at(isTiered ? localStartOffset : startOffset);
    case LATEST_TIERED:
      return tieredEndOffset === null ? NOT_FOUND : at(tieredEndOffset - 1);
    case EARLIEST_PENDING_UPLOAD:
      if (!isTiered) return NOT_FOUND;
      return at(Math.max(tieredEndOffset ?? 0, startOffset));
    default:
      return at(startOffset);
  }
}

async function search(
  broker: Broker,
  log: PartitionLog,
  timestamp: number,
  bounds: Asking & { readonly end: number },
): Promise<TimestampOffset | null | ErrorCode> {
  try {
    const found = await searchAll(broker, log, timestamp, bounds);
    if (found === null || !("kind" in found)) return found;
    return found.failure === "late" ? ErrorCode.REQUEST_TIMED_OUT : ErrorCode.KAFKA_STORAGE_ERROR;
  } catch (error) {
    // What is stored of one partition is wrong: neither the client nor its other partitions are to suffer.
    if (error instanceof MalformedMessageError) return ErrorCode.CORRUPT_MESSAGE;
    throw error;
  }
}

function searchAll(
  broker: Broker,
  log: PartitionLog,
  timestamp: number,
  { end, budget, patience }: Asking & { readonly end: number },
) {
  const { tier: reader, compression } = broker;
  const isLargest = timestamp === MAX_TIMESTAMP;
  if (reader === null || patience === null) {
    return isLargest ? log.offsetOfMaxTimestamp(end, budget) : log.offsetForTimestamp(timestamp, end, budget);
  }
  const question = { reader, compression, upperBound: end, budget, patience };
  return isLargest ? offsetOfMaxTimestamp(log, question) : offsetForTimestamp(log, timestamp, question);
}
