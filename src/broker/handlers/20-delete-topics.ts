/**
 * DeleteTopics, 1–6: deletes topics by name, from version 6 on also by id. Their logs go with them.
 *
 * An unknown name is UNKNOWN_TOPIC_OR_PARTITION, an unknown id UNKNOWN_TOPIC_ID. Version 1 and 2 know no
 * TOPIC_DELETION_DISABLED and say INVALID_REQUEST. Answers stand in the order of the request; Kafka shuffles them.
 */
import { ZERO_UUID } from "#bytes/uuid.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_TOPICS = 6;
const FIRST_VERSION_WITH_DELETION_DISABLED = 3;

export const deleteTopics = handler({
  request: DeleteTopicsRequest,
  response: DeleteTopicsResponse,
  min: 1,
  max: 6,
  async handle({ broker, apiVersion }, request) {
    const references =
      apiVersion >= FIRST_VERSION_WITH_TOPICS
        ? request.topics
        : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
    const outcomes = await broker.controller.deleteTopics(references);
    // One answer for what is given twice.
    const distinct = new Map(outcomes.map((outcome) => [`${outcome.name}/${outcome.topicId}`, outcome]));
    return {
      responses: [...distinct.values()].map(({ name, topicId, errorCode, errorMessage }) => ({
        name,
        topicId,
        errorCode: known(errorCode, apiVersion),
        errorMessage,
      })),
    };
  },
});

function known(errorCode: ErrorCode, apiVersion: number): ErrorCode {
  const isUnknown =
    errorCode === ErrorCode.TOPIC_DELETION_DISABLED && apiVersion < FIRST_VERSION_WITH_DELETION_DISABLED;
  return isUnknown ? ErrorCode.INVALID_REQUEST : errorCode;
}
