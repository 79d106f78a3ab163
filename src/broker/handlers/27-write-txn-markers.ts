/**
 * WriteTxnMarkers, 1–2: writes the control records that end transactions into partitions that this broker leads; sent by their coordinators, and by
 * `kafka-transactions abort`. Version 2 says which `transaction.version` a marker belongs to: from 2 on its epoch is larger than that of what it
 * ends. Partitions are answered in the order of the request, those of one producer together.
 */
import { ErrorCode } from "#protocol/errors.ts";
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from "#protocol/messages/27-write-txn-markers.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";
import { appendMarker } from "../transaction/marker-append.ts";

type MarkerEntry = WriteTxnMarkersRequest["markers"][number];

export const writeTxnMarkers = handler({
  request: WriteTxnMarkersRequest,
  response: WriteTxnMarkersResponse,
  min: 1,
  max: 2,
  async handle({ broker }, { markers }) {
    const written = await Promise.all(markers.map((marker) => write(broker, marker)));
    return { markers: mergeByProducer(written) };
  },
});

async function write(broker: Broker, entry: MarkerEntry) {
  const { producerId, producerEpoch, coordinatorEpoch, transactionVersion, transactionResult } = entry;
  const marker = { producerId, producerEpoch, coordinatorEpoch, transactionVersion, isCommit: transactionResult };
  const topics = await Promise.all(
    entry.topics.map(async ({ name, partitionIndexes }) => ({
      name,
      partitions: await Promise.all(
        // As in Kafka a marker is written once, however often it names a partition.
        [...new Set(partitionIndexes)].map(async (partitionIndex) => ({
          partitionIndex,
          errorCode: await writeInto(broker, marker, name, partitionIndex),
        })),
      ),
    })),
  );
  return { producerId, topics };
}

function writeInto(
  broker: Broker,
  marker: Parameters<typeof appendMarker>[1],
  topicName: string,
  partitionIndex: number,
): Promise<ErrorCode> {
  const partition = broker.cluster.partition(topicName, partitionIndex);
  // Kafka knows only partitions of which it has a replica.
  if (partition === undefined) return Promise.resolve(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  return appendMarker(broker, marker, topicName, partitionIndex);
}

type Written = Awaited<ReturnType<typeof write>>;

/** The answer names a producer once; of a partition that came twice the last outcome counts. */
function mergeByProducer(written: readonly Written[]): Written[] {
  return [...Map.groupBy(written, ({ producerId }) => producerId)].map(([producerId, entries]) => {
    const byTopic = Map.groupBy(
      entries.flatMap(({ topics }) => topics),
      ({ name }) => name,
    );
    const topics = [...byTopic].map(([name, parts]) => {
      const outcomes = new Map(
        parts.flatMap(({ partitions }) => partitions.map((one) => [one.partitionIndex, one.errorCode] as const)),
      );
      return { name, partitions: [...outcomes].map(([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })) };
    });
    return { producerId, topics };
  });
}
