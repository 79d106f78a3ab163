import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import { attempts } from "../attempts.ts";
import { type Failure, failed, failure, type Outcome, success } from "../outcome.ts";
import { isStaleMetadata } from "../retry.ts";
import { partitionKey, type TopicPartition } from "../topic-partition.ts";
import { listOffsetsAt, type OffsetAnswer } from "./offset-requests.ts";
import { CLOSED, type ConsumerParts, isolationOf } from "./parts.ts";

/** A partition and the time to look for, in milliseconds since the epoch; -1 asks for the end, -2 for the beginning. */
export interface TimeQuestion extends TopicPartition {
  readonly timestamp: number;
}

/**
 * The first offset at or after each time, by `partitionKey`; -1 where no record is that late. Each leader is asked once, and again
 * while partitions move.
 */
export async function offsetsAt(
  parts: ConsumerParts,
  lane: string,
  questions: readonly TimeQuestion[],
  timeoutMs: number,
): Promise<Outcome<ReadonlyMap<string, OffsetAnswer>>> {
  const { client, settings, book } = parts;
  const answers = new Map<string, OffsetAnswer>();
  for (const { topic } of questions) book.track(topic);
  const backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
  const deadlineMs = client.ports.clock.nowMs() + timeoutMs;
  const isAgain = ({ errorCode }: Failure) => isRetriable(errorCode);
  const call = { lane, timeoutMs: settings["request.timeout.ms"] };
  const limits = { deadlineMs, backoff, isAgain, isCutAtDeadline: true };
  return await attempts<ReadonlyMap<string, OffsetAnswer>>(client.ports, limits, async () => {
    if (book.isClosed) return CLOSED;
    const missing = questions.filter((question) => !answers.has(partitionKey(question)));
    const leaders = Map.groupBy(missing, ({ topic, partition }) => book.partition(topic, partition)?.leaderId ?? -1);
    let problem: Failure | null = leaders.delete(-1) ? failure(ErrorCode.LEADER_NOT_AVAILABLE) : null;
    const asked = [...leaders].map(async ([brokerId, led]) => {
      const own = led.map((question) => ({
        ...question,
        currentLeaderEpoch: book.partition(question.topic, question.partition)?.leaderEpoch ?? -1,
      }));
      const answer = await listOffsetsAt({ client, call, brokerId }, own, isolationOf(settings));
      if (failed(answer)) problem = answer;
      else
        for (const one of answer.value) {
          if (one.errorCode === ErrorCode.NONE) answers.set(partitionKey(one), one);
          else problem = failure(one.errorCode);
        }
    });
    await Promise.all(asked);
    if (problem === null) return success(answers);
    const { errorCode } = problem as Failure;
    if (isStaleMetadata(errorCode) || errorCode === ErrorCode.NETWORK_EXCEPTION) book.refresh();
    return problem;
  });
}
