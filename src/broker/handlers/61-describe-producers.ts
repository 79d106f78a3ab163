/**
 * DescribeProducers, 0: what the leader of a partition remembers of producers, and where their open transactions begin (KIP-664).
 * Departure from Kafka: a partition that is asked for several times is answered once.
 */
import { topicNameProblem } from "#cluster/topic-names.ts";
import type { ProducerEntry } from "#log/producer-state.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { DescribeProducersRequest, DescribeProducersResponse } from "#protocol/messages/61-describe-producers.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";

export const describeProducers = handler({
  request: DescribeProducersRequest,
  response: DescribeProducersResponse,
  min: 0,
  max: 0,
  handle({ broker }, { topics }) {
    // Each partition once: what is remembered of one may be a thousand times what it takes to ask for it.
    const asked = [...Map.groupBy(topics, ({ name }) => name)];
    return {
      topics: asked.map(([name, entries]) => ({
        name,
        partitions: distinct(entries).map((partitionIndex) => describe(broker, name, partitionIndex)),
      })),
    };
  },
});

function distinct(entries: readonly { readonly partitionIndexes: readonly number[] }[]): number[] {
  return [...new Set(entries.flatMap(({ partitionIndexes }) => partitionIndexes))];
}

function describe(broker: Broker, name: string, partitionIndex: number) {
  const problem = topicNameProblem(name);
  if (problem !== null) return { partitionIndex, errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: problem };
  const log = broker.lead(broker.cluster.topicByName(name), partitionIndex);
  if (typeof log === "number") return { partitionIndex, errorCode: log };
  return { partitionIndex, activeProducers: [...log.producers.entries()].map(described) };
}

function described(entry: Readonly<ProducerEntry>) {
  const { producerId, producerEpoch, lastTimestamp, coordinatorEpoch, currentTxnFirstOffset, batches } = entry;
  return {
    producerId,
    producerEpoch,
    lastSequence: batches.at(-1)?.lastSequence ?? -1,
    lastTimestamp,
    coordinatorEpoch,
    currentTxnStartOffset: currentTxnFirstOffset,
  };
}
