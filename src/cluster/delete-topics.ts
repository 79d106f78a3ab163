import { type Uuid, ZERO_UUID } from "#bytes/uuid.ts";
import type { DeleteTopicOutcome, Outcome, TopicReference } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { DONE, failure, isFailure, repeated, unknownTopic } from "./outcome.ts";
import { brokerSettings } from "./settings.ts";
import { type ClusterRecord, type ClusterState, type Decision, imageOf } from "./state.ts";

export function decideDeleteTopics(
  state: ClusterState,
  references: readonly TopicReference[],
  brokerId: number,
): Decision<DeleteTopicOutcome> {
  if (!brokerSettings(imageOf(state), brokerId).deleteTopicEnable) {
    const refusal = failure(ErrorCode.TOPIC_DELETION_DISABLED, "Topic deletion is disabled (delete.topic.enable).");
    return { outcomes: references.map((reference) => ({ ...refusal, ...reference })), records: [] };
  }
  const keys = references.map(({ name, topicId }) => (name === null ? `id/${topicId}` : `name/${name}`));
  const duplicates = repeated(keys.filter((_, i) => !isFailure(checkReference(references[i]))));
  const deleted = new Set<Uuid>();
  const outcomes: DeleteTopicOutcome[] = new Array(references.length);
  // Ids before names, as in Kafka: a name whose topic was also given by its id is the one that is refused.
  for (const byId of [true, false]) {
    for (const [i, reference] of references.entries()) {
      if ((reference.name === null) === byId) {
        outcomes[i] = decideOne(state, reference, { deleted, isDuplicate: duplicates.has(keys[i]) });
      }
    }
  }
  return { outcomes, records: [...deleted].map((topicId): ClusterRecord => ({ kind: "topic-deleted", topicId })) };
}

function decideOne(
  state: ClusterState,
  reference: TopicReference,
  request: { readonly deleted: Set<Uuid>; readonly isDuplicate: boolean },
): DeleteTopicOutcome {
  const malformed = checkReference(reference);
  if (isFailure(malformed)) return { ...malformed, ...reference };
  if (request.isDuplicate) {
    return { ...failure(ErrorCode.INVALID_REQUEST, "The topic is given twice in the request."), ...reference };
  }
  const name = reference.name ?? state.topicNames.get(reference.topicId);
  const topic = name === undefined ? undefined : state.topics.get(name);
  if (topic === undefined) {
    const isById = reference.name === null;
    const outcome = isById ? failure(ErrorCode.UNKNOWN_TOPIC_ID, "There is no topic of this id.") : unknownTopic();
    return { ...outcome, ...reference };
  }
  const { topicId } = topic;
  if (request.deleted.has(topicId)) {
    return {
      ...failure(ErrorCode.INVALID_REQUEST, "The topic is given by its id, too."),
      name: topic.name,
      topicId,
    };
  }
  request.deleted.add(topicId);
  return { ...DONE, name: topic.name, topicId };
}

/** A topic is given by its name or by its id. */
function checkReference(reference: TopicReference): Outcome {
  const hasId = reference.topicId !== ZERO_UUID;
  if (reference.name === null && !hasId) {
    return failure(ErrorCode.INVALID_REQUEST, "Neither a topic name nor a topic id is given.");
  }
  if (reference.name !== null && hasId) {
    return failure(ErrorCode.INVALID_REQUEST, "A topic name and a topic id must not be given both.");
  }
  return DONE;
}
