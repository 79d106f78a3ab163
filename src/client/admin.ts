import { ErrorCode } from "#protocol/errors.ts";
import { apiVersionsApi, createTopicsApi, describeConfigsApi } from "./apis.ts";
import type { Client } from "./client.ts";
import { failed, failure, type Outcome, success } from "./outcome.ts";

/** Kafka's resource type of a topic in the config requests. */
const TOPIC_RESOURCE = 2;
const CREATE_TIMEOUT_MS = 15_000;

export interface NewTopic {
  readonly name: string;
  /** -1 = the broker's `num.partitions`. */
  readonly partitionCount: number;
  /** The broker's `default.replication.factor` without. */
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export interface ConfigView {
  readonly name: string;
  /** Null for a sensitive value, and for one that isn't set. */
  readonly value: string | null;
}

/** Does a broker answer at all? Asks nothing that needs the controller or a disk. */
export async function ping(client: Client, brokerId: number | null): Promise<Outcome<void>> {
  const draft = { clientSoftwareName: "kedge-client", clientSoftwareVersion: "1" };
  const answer = await client.call(brokerId, apiVersionsApi, draft);
  if (failed(answer)) return answer;
  return answer.value.errorCode === ErrorCode.NONE ? success(undefined) : failure(answer.value.errorCode);
}

/** TOPIC_ALREADY_EXISTS and the other errors of CreateTopics as they come. */
export async function createTopic(client: Client, topic: NewTopic): Promise<Outcome<void>> {
  const configs = Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value }));
  const draft = {
    topics: [
      {
        name: topic.name,
        numPartitions: topic.partitionCount,
        replicationFactor: topic.replicationFactor ?? -1,
        configs,
      },
    ],
    timeoutMs: CREATE_TIMEOUT_MS,
  };
  const answer = await client.call(null, createTopicsApi, draft, { waitMs: CREATE_TIMEOUT_MS });
  if (failed(answer)) return answer;
  const created = answer.value.topics.find(({ name }) => name === topic.name);
  if (created === undefined) return failure(ErrorCode.UNKNOWN_SERVER_ERROR);
  return created.errorCode === ErrorCode.NONE ? success(undefined) : failure(created.errorCode, created.errorMessage);
}

/** Every config of a topic, defaults included. */
export async function topicConfigs(client: Client, topicName: string): Promise<Outcome<readonly ConfigView[]>> {
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: topicName, configurationKeys: null }];
  const answer = await client.call(null, describeConfigsApi, { resources });
  if (failed(answer)) return answer;
  const result = answer.value.results.find(({ resourceName }) => resourceName === topicName);
  if (result === undefined) return failure(ErrorCode.UNKNOWN_SERVER_ERROR);
  if (result.errorCode !== ErrorCode.NONE) return failure(result.errorCode, result.errorMessage);
  return success(result.configs.map(({ name, value, isSensitive }) => ({ name, value: isSensitive ? null : value })));
}
