import type { ConsumerGroupHeartbeatRequest } from "#protocol/messages/68-consumer-group-heartbeat.ts";
import type { Draft } from "#protocol/schema.ts";
import type { Target } from "./target-assignment.ts";

/** What a member of a consumer group (KIP-848) has to say of itself. */
export interface MemberSays {
  readonly groupId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly topics: readonly string[];
  readonly regex: string | null;
  readonly serverAssignor: string | null;
  readonly owned: Target;
}

/** Takes a regular expression back. */
const NO_REGEX = "";

/** Says in each heartbeat only what has changed since the last one that was answered, and all after one that wasn't. */
export class HeartbeatDraft {
  private told: { topics: string; regex: string; owned: string } | null = null;

  next(says: MemberSays): Draft<ConsumerGroupHeartbeatRequest> {
    const { groupId, memberId, memberEpoch, instanceId, rackId, rebalanceTimeoutMs, serverAssignor } = says;
    const now = { topics: says.topics.toSorted().join("\n"), regex: says.regex ?? NO_REGEX, owned: textOf(says.owned) };
    const before = memberEpoch === 0 ? null : this.told;
    this.told = now;
    const isFull = before === null;
    return {
      groupId,
      memberId,
      memberEpoch,
      instanceId,
      rackId: isFull ? rackId : null,
      rebalanceTimeoutMs: isFull ? rebalanceTimeoutMs : -1,
      subscribedTopicNames: isFull || before.topics !== now.topics ? says.topics : null,
      subscribedTopicRegex:
        (isFull && says.regex !== null) || (!isFull && before.regex !== now.regex) ? now.regex : null,
      serverAssignor: isFull ? serverAssignor : null,
      // A member that joins holds nothing.
      topicPartitions: isFull || before.owned !== now.owned ? (memberEpoch === 0 ? [] : says.owned) : null,
    };
  }

  /** Nobody knows what the coordinator has heard. */
  forget(): void {
    this.told = null;
  }
}

function textOf(owned: Target): string {
  return owned
    .map(({ topicId, partitions }) => `${topicId}:${partitions.toSorted((one, other) => one - other).join(",")}`)
    .toSorted()
    .join(" ");
}
