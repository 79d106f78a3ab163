/**
 * CreateTopics, 2–7: creates topics through the controller; each succeeds or fails by itself.
 *
 * The answer comes when the topics are durable and this broker serves them; `timeoutMs` is not needed. From version 5 on
 * it shows what the new topic's configs are. A topic that is named twice is refused, in one answer, as in Kafka.
 *
 * Departure from Kafka: a broker holds at most 10,000 partitions; a topic that would go beyond gets POLICY_VIOLATION.
 */
import { ConfigSource, ownValue, resolveTopicConfig } from "#cluster/resolve-config.ts";
import { TOPIC_CONFIGS } from "#cluster/topic-configs.ts";
import type { CreateTopicOutcome } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_CONFIGS = 5;

export const createTopics = handler({
  request: CreateTopicsRequest,
  response: CreateTopicsResponse,
  min: 2,
  max: 7,
  async handle({ broker, apiVersion }, request) {
    const outcomes = await broker.controller.createTopics(request.topics, { validateOnly: request.validateOnly });
    const byName = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
    const defaults = apiVersion >= FIRST_VERSION_WITH_CONFIGS ? defaultConfigs(broker) : [];
    return {
      topics: [...byName.values()].map((outcome) => {
        const { name, topicId, errorCode, errorMessage, numPartitions, replicationFactor } = outcome;
        const configs = errorCode === ErrorCode.NONE ? configsOf(outcome, defaults) : [];
        return { name, topicId, errorCode, errorMessage, numPartitions, replicationFactor, configs };
      }),
    };
  },
});

type Config = NonNullable<CreateTopicsResponse["topics"][number]["configs"]>[number];

/** What a topic has that sets nothing itself: looked up once for all topics of a request. */
function defaultConfigs(broker: Broker): Config[] {
  return TOPIC_CONFIGS.map(({ name }) => {
    const { value, source } = resolveTopicConfig(broker.cluster.image, broker.brokerId, {}, name);
    return { name, value, readOnly: false, configSource: source, isSensitive: false };
  });
}

function configsOf({ configs }: CreateTopicOutcome, defaults: readonly Config[]): readonly Config[] {
  return defaults.map((config) => {
    const value = ownValue(configs, config.name);
    return value === undefined ? config : { ...config, value, configSource: ConfigSource.TOPIC };
  });
}
