/**
 * DeleteRecords, 0–2: moves a partition's log start offset forward; what lies before it is gone for every reader.
 *
 * -1 stands for the high watermark. Answered when the new start is durable, with it as the low watermark. Internal
 * topics are refused, and so is a topic whose cleanup policy doesn't delete, as in Kafka.
 */
import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { DeleteRecordsRequest, DeleteRecordsResponse } from "#protocol/messages/21-delete-records.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";

const NO_OFFSET = -1;

type Deletion = DeleteRecordsRequest["topics"][number]["partitions"][number];

export const deleteRecords = handler({
  request: DeleteRecordsRequest,
  response: DeleteRecordsResponse,
  min: 0,
  max: 2,
  async handle({ broker }, request) {
    const topics = [...deletionsByTopic(request)].map(([name, deletions]) => {
      const topic = broker.cluster.topicByName(name);
      return { name, partitions: [...deletions.values()].map((deletion) => deleteFrom(broker, topic, deletion)) };
    });
    await broker.committed();
    return { topics };
  },
});

/** By topic and partition; the last one that names a partition holds, as in Kafka. */
function deletionsByTopic(request: DeleteRecordsRequest): Map<string, Map<number, Deletion>> {
  const byTopic = new Map<string, Map<number, Deletion>>();
  for (const { name, partitions } of request.topics) {
    const deletions = byTopic.get(name) ?? new Map<number, Deletion>();
    for (const deletion of partitions) deletions.set(deletion.partitionIndex, deletion);
    byTopic.set(name, deletions);
  }
  return byTopic;
}

function deleteFrom(broker: Broker, topic: TopicImage | undefined, { partitionIndex, offset }: Deletion) {
  const refused = (errorCode: ErrorCode) => ({ partitionIndex, errorCode, lowWatermark: NO_OFFSET });
  const log = broker.lead(topic, partitionIndex);
  if (typeof log === "number" || topic === undefined) {
    return refused(typeof log === "number" ? log : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (topic.isInternal) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION);
  if (!broker.configOf(topic).deletes) return refused(ErrorCode.POLICY_VIOLATION);
  const outcome = log.deleteRecordsBefore(offset);
  if (outcome.kind === "refused") return refused(outcome.errorCode);
  return { partitionIndex, errorCode: ErrorCode.NONE, lowWatermark: outcome.logStartOffset };
}
