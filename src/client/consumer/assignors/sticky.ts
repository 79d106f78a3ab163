import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { array, int32, message, preset, string, struct, versions } from "#protocol/schema.ts";
import { partitionKey, type TopicPartition } from "../../topic-partition.ts";
import type { Assignor, AssignorMember } from "./assignor.ts";
import { balance, type Claim, settleClaims } from "./balance.ts";

/** What Kafka's `StickyAssignor` puts into a subscription's user data; version 0 has no generation. Without a version number in front. */
const StickyUserData = message(
  { min: 0, max: 1 },
  {
    previousAssignment: array(struct({ topic: string, partitions: array(int32) })),
    generation: versions("1", preset(-1, int32)),
  },
);

/** The most that we read of a member's user data: it comes from outside. */
const MAX_USER_DATA_BYTES = 1024 * 1024;

/** Members give up all they hold before a rebalance, and tell what it was. */
export const stickyAssignor: Assignor = {
  name: "sticky",
  isCooperative: false,
  userData(held, generationId) {
    const writer = new Writer();
    const topics = [...Map.groupBy(held, ({ topic }) => topic)];
    const previousAssignment = topics.map(([topic, own]) => ({
      topic,
      partitions: own.map(({ partition }) => partition),
    }));
    StickyUserData.encode(writer, { previousAssignment, generation: generationId }, 1);
    return writer.finish();
  },
  assign(members, partitionCounts) {
    return balance(members, partitionCounts, settleClaims(members.flatMap(previousClaims)));
  },
};

function previousClaims(member: AssignorMember): Claim[] {
  const { memberId, userData } = member;
  if (userData === null || userData.length === 0 || userData.length > MAX_USER_DATA_BYTES) return ownedClaims(member);
  for (const version of [1, 0]) {
    try {
      const { previousAssignment, generation } = StickyUserData.decode(new Reader(userData), version);
      return previousAssignment.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition, memberId, generationId: generation })),
      );
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    }
  }
  return [];
}

function ownedClaims({ memberId, ownedPartitions, generationId }: AssignorMember): Claim[] {
  return ownedPartitions.map((partition) => ({ ...partition, memberId, generationId }));
}

/**
 * Members keep reading what they hold, and give up only what goes to another one (KIP-429). Such a partition is given out in the
 * next rebalance, which begins as soon as its owner has let it go.
 */
export const cooperativeStickyAssignor: Assignor = {
  name: "cooperative-sticky",
  isCooperative: true,
  userData(_held, generationId) {
    const writer = new Writer();
    writer.int32(generationId);
    return writer.finish();
  },
  assign(members, partitionCounts) {
    const claims = members.flatMap((member) => {
      const generationId = member.generationId >= 0 ? member.generationId : generationIn(member.userData);
      return ownedClaims({ ...member, generationId });
    });
    const owners = settleClaims(claims);
    const assigned = balance(members, partitionCounts, owners);
    const withheld = new Map<string, readonly TopicPartition[]>();
    for (const [memberId, partitions] of assigned) {
      withheld.set(
        memberId,
        partitions.filter((partition) => (owners.get(partitionKey(partition)) ?? memberId) === memberId),
      );
    }
    return withheld;
  },
};

const GENERATION_BYTES = 4;

function generationIn(userData: Uint8Array | null): number {
  return userData !== null && userData.length >= GENERATION_BYTES ? new Reader(userData).int32() : -1;
}
