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

export interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
  readonly groupType: string;
}

/** Filters as in ListGroups: an empty one lets everything pass, and upper and lower case are the same. */
export interface GroupFilters {
  readonly states: readonly string[];
  readonly types: readonly string[];
}

const CLASSIC_TYPE = "classic";

export function listGroups(groups: Iterable<ClassicGroup>, filters: GroupFilters): ListedGroup[] {
  const states = new Set(filters.states.map((state) => state.trim().toLowerCase()));
  const hasType = filters.types.length === 0 || filters.types.some((type) => type.toLowerCase() === CLASSIC_TYPE);
  if (!hasType) return [];
  const listed: ListedGroup[] = [];
  for (const group of groups) {
    if (states.size > 0 && !states.has(group.state.toLowerCase())) continue;
    const { groupId, state } = group;
    listed.push({ groupId, protocolType: group.protocolType ?? "", groupState: state, groupType: CLASSIC_TYPE });
  }
  return listed;
}
