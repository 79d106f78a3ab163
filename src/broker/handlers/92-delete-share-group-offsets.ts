// DeleteShareGroupOffsets (92), version 0. A share group without members forgets how far it was in some topics (KIP-932).
// Departures from Kafka: none.

import { ZERO_UUID } from "#bytes/uuid.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponse,
} from "#protocol/messages/92-delete-share-group-offsets.ts";
import { handler } from "../handler.ts";
import { deleteState, refused } from "../share/groups.ts";

export const deleteShareGroupOffsets = handler({
  request: DeleteShareGroupOffsetsRequest,
  response: DeleteShareGroupOffsetsResponse,
  min: 0,
  max: 0,
  async handle({ broker }, { groupId, topics }) {
    const names = topics.map(({ topicName }) => topicName);
    const begun = await broker.groups.decide(
      groupId,
      (machine, turn) => machine.shares.deleteOffsets(groupId, names, turn),
      (errorCode) => refused(errorCode) as never,
    );
    if (begun.kind === "refused") return { errorCode: begun.errorCode, errorMessage: begun.message };
    const outcomes = await deleteState(broker, groupId, begun.state);
    const gone = outcomes.flatMap(({ topicId, errorCode }) => (errorCode === ErrorCode.NONE ? [topicId] : []));
    const told = await broker.groups.decide<ErrorCode>(
      groupId,
      (machine, turn) => {
        machine.shares.stateDeleted(groupId, gone, turn);
        return ErrorCode.NONE;
      },
      (errorCode) => errorCode,
    );
    if (told !== ErrorCode.NONE) return { errorCode: told, errorMessage: errorMessage(told) };
    return {
      responses: [
        ...begun.state.map(({ name, topicId }, at) => ({
          topicName: name,
          topicId,
          ...sentence(outcomes[at].errorCode),
        })),
        ...begun.unknown.map(({ name, isThere }) => ({
          topicName: name,
          topicId: ZERO_UUID,
          errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: isThere
            ? "There is no offset information to delete."
            : errorMessage(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        })),
      ],
    };
  },
});

function sentence(errorCode: ErrorCode) {
  return { errorCode, errorMessage: errorCode === ErrorCode.NONE ? null : errorMessage(errorCode) };
}
