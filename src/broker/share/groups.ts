import type { ShareHeartbeatCommand, ShareHeartbeatReply } from "#group/share/heartbeat.ts";
import type { StateToInitialize, TopicPartitions } from "#group/share/world.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import type { Broker } from "../broker.ts";

// Share groups have their members and what they share with the group coordinator, and how far they are with the share coordinators: what
// concerns both is carried out here, one after the other.

export interface Refused {
  readonly kind: "refused";
  readonly errorCode: ErrorCode;
  readonly message: string | null;
}

export function refused(errorCode: ErrorCode): Refused {
  return { kind: "refused", errorCode, message: errorMessage(errorCode) };
}

/** A member's heartbeat. The state of partitions that are to be shared is made afterwards: the member hears of them with a later one. */
export async function heartbeat(
  broker: Broker,
  command: ShareHeartbeatCommand,
): Promise<ShareHeartbeatReply | Refused> {
  const reply = await broker.groups.decide<ShareHeartbeatReply | Refused>(
    command.groupId,
    (machine, turn) => machine.shares.heartbeat(command, turn),
    refused,
  );
  // It is tried again with a heartbeat when it goes wrong.
  if (reply.kind === "beat" && reply.initialize !== null) initialize(broker, reply.initialize).catch(() => undefined);
  return reply;
}

/** Makes the state of share partitions and tells the group. Answers the first error. */
export async function initialize(
  broker: Broker,
  { groupId, stateEpoch, topics }: StateToInitialize,
): Promise<ErrorCode> {
  const outcomes = await Promise.all(
    topics.flatMap(({ topicId, partitions }) =>
      partitions.map(({ partitionIndex, startOffset }) =>
        broker.shares.persister
          .initialize({ groupId, topicId, partitionIndex }, { stateEpoch, startOffset })
          // The group has to hear of it, or it would wait for an answer.
          .catch(() => ErrorCode.UNKNOWN_SERVER_ERROR),
      ),
    ),
  );
  const errorCode = outcomes.find((outcome) => outcome !== ErrorCode.NONE) ?? ErrorCode.NONE;
  const named = topics.map(({ topicId, partitions }) => ({
    topicId,
    partitions: partitions.map(({ partitionIndex }) => partitionIndex),
  }));
  const told = await broker.groups.decide<ErrorCode>(
    groupId,
    (machine, turn) => {
      machine.shares.initializeEnded(groupId, named, errorCode, turn);
      return ErrorCode.NONE;
    },
    (failure) => failure,
  );
  return errorCode === ErrorCode.NONE ? told : errorCode;
}

/** Deletes the state of share partitions. Answers for each topic the first error. */
export function deleteState(
  broker: Broker,
  groupId: string,
  topics: readonly TopicPartitions[],
): Promise<{ topicId: string; errorCode: ErrorCode }[]> {
  return Promise.all(
    topics.map(async ({ topicId, partitions }) => {
      const outcomes = await Promise.all(
        partitions.map((partitionIndex) => broker.shares.persister.delete({ groupId, topicId, partitionIndex })),
      );
      return { topicId, errorCode: outcomes.find((outcome) => outcome !== ErrorCode.NONE) ?? ErrorCode.NONE };
    }),
  );
}

/** What goes before a share group is deleted: all of its state. NONE for groups of other kinds, and for those that aren't there. */
export async function deleteGroupState(broker: Broker, groupId: string): Promise<ErrorCode> {
  const state = await broker.groups.decide<readonly TopicPartitions[] | ErrorCode>(
    groupId,
    (machine, turn) => machine.shares.beginDeletion(groupId, turn),
    // The deletion of the group says the same, and what it is of.
    () => [],
  );
  if (typeof state === "number") return state;
  const outcomes = await deleteState(broker, groupId, state);
  return outcomes.find(({ errorCode }) => errorCode !== ErrorCode.NONE)?.errorCode ?? ErrorCode.NONE;
}
