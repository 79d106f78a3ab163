/** What an administrator does to topics, configs and their records. Each call is tried once; the cluster's own errors come as they are. */
import { ErrorCode } from "#protocol/errors.ts";
import { createPartitionsApi, deleteRecordsApi, deleteTopicsApi, incrementalAlterConfigsApi } from "./apis.ts";
import { inTime } from "./attempts.ts";
import type { Client } from "./client.ts";
import { failed, failure, type Outcome, success } from "./outcome.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

const ADMIN_TIMEOUT_MS = 30_000;
const TOPIC_RESOURCE = 2;
const SET = 0;
const DELETE = 1;

/** UNKNOWN_TOPIC_OR_PARTITION: there is none; TOPIC_DELETION_DISABLED. */
export async function deleteTopic(client: Client, name: string): Promise<Outcome<void>> {
  const draft = { topics: [{ name }], timeoutMs: ADMIN_TIMEOUT_MS };
  const answer = await client.call(null, deleteTopicsApi, draft, { waitMs: ADMIN_TIMEOUT_MS });
  if (failed(answer)) return answer;
  client.forget(name);
  return only(answer.value.responses.map(({ errorCode, errorMessage }) => ({ errorCode, errorMessage })));
}

/** Lets a topic have `count` partitions in all. INVALID_PARTITIONS: it has as many already, or more. */
export async function growTopic(client: Client, name: string, count: number): Promise<Outcome<void>> {
  const draft = { topics: [{ name, count, assignments: null }], timeoutMs: ADMIN_TIMEOUT_MS };
  const answer = await client.call(null, createPartitionsApi, draft, { waitMs: ADMIN_TIMEOUT_MS });
  if (failed(answer)) return answer;
  client.forget(name);
  return only(answer.value.results);
}

/** Sets configs of a topic; null takes one back to its default. INVALID_CONFIG says which. */
export async function alterTopicConfigs(
  client: Client,
  name: string,
  configs: Readonly<Record<string, string | null>>,
): Promise<Outcome<void>> {
  const entries = Object.entries(configs).map(([config, value]) => ({
    name: config,
    configOperation: value === null ? DELETE : SET,
    value,
  }));
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: name, configs: entries }];
  const answer = await client.call(null, incrementalAlterConfigsApi, { resources });
  return failed(answer) ? answer : only(answer.value.responses);
}

export interface RecordsToDelete extends TopicPartition {
  /** All records before it go; -1 stands for all that are committed. */
  readonly beforeOffset: number;
}

/** Deletes the oldest records of partitions. Answers their first remaining offsets, by `partitionKey`. */
export function deleteRecords(
  client: Client,
  wanted: readonly RecordsToDelete[],
): Promise<Outcome<ReadonlyMap<string, number>>> {
  return inTime(client.ports, (isCut) => deleteInTurn(client, wanted, isCut));
}

async function deleteInTurn(
  client: Client,
  wanted: readonly RecordsToDelete[],
  isCut: () => boolean,
): Promise<Outcome<ReadonlyMap<string, number>>> {
  const leaders = new Map<number, RecordsToDelete[]>();
  for (const one of wanted) {
    const topic = await client.topic(one.topic, { isFresh: true });
    if (failed(topic)) return topic;
    const leaderId = topic.value.partitions[one.partition]?.leaderId ?? -1;
    if (leaderId < 0)
      return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `${one.topic}/${one.partition} has no leader.`);
    leaders.set(leaderId, [...(leaders.get(leaderId) ?? []), one]);
  }
  const remaining = new Map<string, number>();
  for (const [leaderId, own] of leaders) {
    if (isCut()) return failure(ErrorCode.REQUEST_TIMED_OUT);
    const topics = [...Map.groupBy(own, ({ topic }) => topic)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, beforeOffset }) => ({
        partitionIndex: partition,
        offset: beforeOffset,
      })),
    }));
    const draft = { topics, timeoutMs: ADMIN_TIMEOUT_MS };
    const answer = await client.call(leaderId, deleteRecordsApi, draft, { waitMs: ADMIN_TIMEOUT_MS });
    if (failed(answer)) return answer;
    for (const { name, partitions } of answer.value.topics) {
      for (const { partitionIndex, lowWatermark, errorCode } of partitions) {
        if (errorCode !== ErrorCode.NONE) return failure(errorCode);
        remaining.set(partitionKey({ topic: name, partition: partitionIndex }), lowWatermark);
      }
    }
  }
  return success(remaining);
}

function only(results: readonly { readonly errorCode: number; readonly errorMessage: string | null }[]): Outcome<void> {
  const [result] = results;
  if (result === undefined) return failure(ErrorCode.UNKNOWN_SERVER_ERROR, "The answer is empty.");
  return result.errorCode === ErrorCode.NONE ? success(undefined) : failure(result.errorCode, result.errorMessage);
}
