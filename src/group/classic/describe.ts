import { NO_BYTES } from "../turn.ts";
import type { ClassicGroup } from "./group.ts";
import { metadataOf } from "./group.ts";

export interface DescribedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly memberMetadata: Uint8Array;
  readonly memberAssignment: Uint8Array;
}

export interface DescribedGroup {
  readonly groupId: string;
  readonly groupState: string;
  readonly protocolType: string;
  readonly protocolData: string;
  readonly members: readonly DescribedMember[];
}

/** DescribeGroups: what the members subscribe to is only told while the group is stable. */
export function describeGroup(group: ClassicGroup): DescribedGroup {
  const protocolName = group.state === "Stable" ? group.protocolName : null;
  return {
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? "",
    protocolData: protocolName ?? "",
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: protocolName === null ? NO_BYTES : metadataOf(member, protocolName),
      memberAssignment: member.assignment,
    })),
  };
}
