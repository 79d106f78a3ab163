/**
 * ListOffsets, 1–11: the offset of a moment, or one of the log's ends.
 *
 * Latest is the high watermark (the last stable offset with isolation level read_committed), earliest the log start
 * offset, -3 the first record that has the largest timestamp. Nothing is tiered yet, so earliest local is earliest,
 * and there is neither a latest tiered offset nor one that waits for its upload: -1. Departure from Kafka: searches by time open
 * a bounded number of bytes; the partitions behind the bound are told to ask again (OFFSET_NOT_AVAILABLE).
 */
import { LookupBudget } from "#log/offsets-for-times.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
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

type PartitionQuestion = ListOffsetsRequest["topics"][number]["partitions"][number];

export const listOffsets = handler({
  request: ListOffsetsRequest,
  response: ListOffsetsResponse,
  min: 1,
  max: 11,
  handle({ broker, apiVersion }, request) {
    const asking = {
      apiVersion,
      committedOnly: request.isolationLevel === READ_COMMITTED,
      budget: new LookupBudget(),
    };
    return {
      topics: [...questionsByTopic(request)].map(([name, questions]) => {
        const topic = broker.cluster.topicByName(name);
        return {
          name,
          partitions: [...questions].map(([partitionIndex, question]) =>
            question === TWICE
              ? { partitionIndex, errorCode: ErrorCode.INVALID_REQUEST }
              : answer(broker, topic, question, asking),
          ),
        };
      }),
    };
  },
});

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
}

function answer(broker: Broker, topic: TopicImage | undefined, question: PartitionQuestion, asking: Asking) {
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
  return { partitionIndex, errorCode, ...find(log, timestamp, asking) };
}

function find(log: PartitionLog, timestamp: number, { committedOnly, budget }: Asking) {
  const end = committedOnly ? log.lastStableOffset : log.highWatermark;
  switch (timestamp) {
    case LATEST:
      return { timestamp: -1, offset: end, leaderEpoch: log.latestEpoch };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { timestamp: -1, offset: log.logStartOffset, leaderEpoch: log.epochForOffset(log.logStartOffset) };
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return NOT_FOUND;
    default: {
      const found =
        timestamp === MAX_TIMESTAMP
          ? log.offsetOfMaxTimestamp(end, budget)
          : log.offsetForTimestamp(timestamp, end, budget);
      if (found === null) return NOT_FOUND;
      return { timestamp: found.timestampMs, offset: found.offset, leaderEpoch: found.leaderEpoch };
    }
  }
}
