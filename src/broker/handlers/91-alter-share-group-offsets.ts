// AlterShareGroupOffsets (91), version 0. Says where a share group without members begins anew in some partitions, whatever is in flight there
// (KIP-932). A group that isn't there is made.
// Departures from Kafka: none.

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  AlterShareGroupOffsetsRequest,
  AlterShareGroupOffsetsResponse,
} from "#protocol/messages/91-alter-share-group-offsets.ts";
import { handler } from "../handler.ts";
import { initialize, refused } from "../share/groups.ts";

export const alterShareGroupOffsets = handler({
  request: AlterShareGroupOffsetsRequest,
  response: AlterShareGroupOffsetsResponse,
  min: 0,
  max: 0,
  async handle({ broker }, { groupId, topics }) {
    const asked = topics.map(({ topicName, partitions }) => ({ name: topicName, partitions }));
    const altered = await broker.groups.decide(
      groupId,
      (machine, turn) => machine.shares.alterOffsets(groupId, asked, turn),
      (errorCode) => refused(errorCode) as never,
    );
    if (altered.kind === "refused") return { errorCode: altered.errorCode, errorMessage: altered.message };
    const isAny = altered.initialize.topics.length > 0;
    const failure = isAny ? await initialize(broker, altered.initialize) : ErrorCode.NONE;
    return {
      responses: altered.topics.map(({ name, topicId, partitions }) => ({
        topicName: name,
        topicId,
        partitions: partitions.map(({ partitionIndex, errorCode }) => {
          const outcome = errorCode === ErrorCode.NONE ? failure : errorCode;
          return {
            partitionIndex,
            errorCode: outcome,
            errorMessage: outcome === ErrorCode.NONE ? null : errorMessage(outcome),
          };
        }),
      })),
    };
  },
});
