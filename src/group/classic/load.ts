import type { GroupMetadataValue } from "#protocol/stored/group-metadata.ts";
import { MemberBudget } from "../member-budget.ts";
import type { Turn } from "../turn.ts";
import { ClassicGroup } from "./group.ts";
import { restartSession } from "./rebalance.ts";

/** The group as its record says: Stable with its members, or Empty. Kafka's older records lack timeouts and timestamps. */
export function groupFromRecord(groupId: string, value: GroupMetadataValue, budget = new MemberBudget()): ClassicGroup {
  const group = new ClassicGroup(groupId, value.currentStateTimestamp, budget);
  const protocolName = value.protocol ?? null;
  const protocolType = value.protocolType === "" ? null : value.protocolType;
  for (const stored of value.members) {
    const draft = {
      memberId: stored.memberId,
      groupInstanceId: stored.groupInstanceId,
      clientId: stored.clientId,
      clientHost: stored.clientHost,
      rebalanceTimeoutMs: stored.rebalanceTimeout === -1 ? stored.sessionTimeout : stored.rebalanceTimeout,
      sessionTimeoutMs: stored.sessionTimeout,
      // Copies: the record's bytes are only lent. What the member offered besides the chosen protocol is learned when it joins again.
      protocols: [{ name: protocolName ?? "", metadata: stored.subscription.slice() }],
    };
    const member = group.add(draft, protocolType ?? "", null);
    group.assign(member, stored.assignment.slice());
  }
  group.state = value.members.length === 0 ? "Empty" : "Stable";
  group.previousState = group.state;
  group.protocolType = protocolType;
  group.protocolName = protocolName;
  group.generationId = value.generation;
  group.leaderId = value.leader;
  group.refreshSubscribedTopics();
  return group;
}

/** After a load nobody knows when the members were last heard of: every session begins anew. */
export function restartSessions(group: ClassicGroup, turn: Turn): void {
  for (const member of group.members.values()) restartSession(group, member, turn);
}
