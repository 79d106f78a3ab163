import { Client } from "#client/client.ts";
import { openProducer } from "#client/producer/producer.ts";
import type { ProducerOptions } from "#client/producer/settings.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { ProduceRequest } from "#protocol/messages/00-produce.ts";
import type { InitProducerIdRequest } from "#protocol/messages/22-init-producer-id.ts";
import { ManualTime } from "../../doubles/manual-time.ts";
import { compression, noRandom, utf8 } from "../../doubles/rest-cluster.ts";
import { ScriptedBrokers } from "../../doubles/scripted-brokers.ts";
import { valueOf } from "../../doubles/tcp-client.ts";

const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
/** One that can be written. */
export const RECORD = { topic: "t", partition: 0, value: utf8("v") };

/** A producer at brokers with one topic, "t", that answer everything with success; a test scripts what it wants otherwise. */
export async function world(version: 1 | 2, options: ProducerOptions = {}) {
  const time = new ManualTime();
  const host = { host: "h", port: 1 };
  const brokers = new ScriptedBrokers()
    .on(ApiKey.Metadata, (body) => ({
      brokers: [{ nodeId: 1, ...host }],
      topics: body.topics.map(({ name }: { name: string }) =>
        name === "t"
          ? { name, topicId: TOPIC_ID, partitions: [{ partitionIndex: 0, leaderId: 1, leaderEpoch: 0 }] }
          : { name, errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION },
      ),
    }))
    .on(ApiKey.FindCoordinator, (body) => ({
      coordinators: body.coordinatorKeys.map((key: string) => ({ key, nodeId: 1, ...host })),
    }))
    .on(ApiKey.ApiVersions, () => ({
      finalizedFeatures: [{ name: "transaction.version", maxVersionLevel: version, minVersionLevel: version }],
    }))
    .on(ApiKey.InitProducerId, (body: InitProducerIdRequest) => ({
      producerId: 9,
      producerEpoch: body.producerEpoch + 1,
    }))
    .on(ApiKey.AddPartitionsToTxn, (body) => ({
      resultsByTopicV3AndBelow: body.v3AndBelowTopics.map(
        ({ name, partitions }: { name: string; partitions: number[] }) => ({
          name,
          resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: 0 })),
        }),
      ),
    }))
    .on(ApiKey.AddOffsetsToTxn, () => ({}))
    .on(ApiKey.TxnOffsetCommit, () => ({ topics: [] }))
    .on(ApiKey.EndTxn, (body) => ({ producerId: 9, producerEpoch: body.producerEpoch + 1 }))
    .on(ApiKey.Produce, (body) => produced(body, 0));
  const client = new Client(
    { transport: brokers, clock: time, timers: time, random: noRandom, ...compression },
    { clientId: "test" },
  );
  const producer = valueOf(openProducer(client, { "transactional.id": "x", "linger.ms": 0, ...options }));
  return { brokers, producer, time };
}

export function produced(body: ProduceRequest, errorCode: number) {
  return {
    responses: body.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: 5 })),
    })),
  };
}
