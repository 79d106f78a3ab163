import { ErrorCode } from "#protocol/errors.ts";
import { type Refusal, refuse } from "../consumer/world.ts";
import { MAX_NAME_LENGTH } from "../limits.ts";
import type { ConfiguredTopology } from "./configure.ts";
import { type StreamsGroup, topologyBytes } from "./group.ts";
import type { StreamsHeartbeatCommand } from "./heartbeat.ts";
import { fenced, unknown } from "./leave.ts";
import { MAX_STREAMS_MEMBER_BYTES, TASK_BYTES } from "./limits.ts";
import {
  JOIN_EPOCH,
  type MemberInfo,
  memberInfoBytes,
  newStreamsMember,
  STATIC_LEAVE_EPOCH,
  type StreamsMember,
} from "./member.ts";
import { isWithin, ROLES, type RoleTasks } from "./tasks.ts";
import type { StreamsWorld } from "./world.ts";

/** What is wrong with the request whatever the group is, as Kafka sees it; null for nothing. */
export function invalidity(command: StreamsHeartbeatCommand): string | null {
  const { groupId, memberId, memberEpoch, groupInstanceId, rackId, topology, tasks } = command;
  if (topology?.subtopologies.some(({ sourceTopicRegex }) => sourceTopicRegex.length > 0)) {
    return "Regular expressions for source topics aren't supported yet.";
  }
  const names = [groupId, memberId, groupInstanceId ?? "", rackId ?? "", command.processId ?? ""];
  if (names.some((name) => name.length > MAX_NAME_LENGTH)) return "A name is too long.";
  if (memberId.trim() === "") return "MemberId can't be empty.";
  if (groupId.trim() === "") return "GroupId can't be empty.";
  if (groupInstanceId?.trim() === "") return "InstanceId can't be empty.";
  if (rackId?.trim() === "") return "RackId can't be empty.";
  if (memberEpoch === JOIN_EPOCH) {
    if (command.rebalanceTimeoutMs === -1) return "RebalanceTimeoutMs must be provided in first request.";
    if (ROLES.some((role) => (tasks[role]?.size ?? 0) > 0)) return "Tasks must be empty when (re-)joining.";
    if (topology === null) return "Topology must be non-null when (re-)joining.";
  } else if (memberEpoch === STATIC_LEAVE_EPOCH) {
    if (groupInstanceId === null) return "InstanceId can't be null.";
  } else if (memberEpoch < STATIC_LEAVE_EPOCH) {
    return "MemberEpoch is invalid.";
  }
  const said = ROLES.filter((role) => tasks[role] !== null).length;
  if (said > 0 && said < ROLES.length) return "If one task-type is non-null, all must be non-null.";
  if (memberEpoch !== JOIN_EPOCH && topology !== null) return "Topology can only be provided when (re-)joining.";
  return null;
}

/** What the client says it has; null = it didn't say. */
export function reportedTasks({ active, standby, warmup }: StreamsHeartbeatCommand["tasks"]): RoleTasks | null {
  return active === null || standby === null || warmup === null ? null : { active, standby, warmup };
}

/** The member that the request is of: known, to be replaced by a static member's new id, or new (`member` undefined). */
export function findMember(
  group: StreamsGroup,
  command: StreamsHeartbeatCommand,
): { readonly member: StreamsMember | undefined } | Refusal {
  const { memberId, memberEpoch, groupInstanceId } = command;
  const isJoining = memberEpoch === JOIN_EPOCH;
  if (groupInstanceId === null) {
    const member = group.members.get(memberId);
    if (member !== undefined) return epochRefusal(member, command) ?? { member };
    return isJoining ? { member } : unknown(group, memberId, null);
  }
  const member = group.staticMember(groupInstanceId);
  if (isJoining) {
    if (member === undefined) return { member: group.members.get(memberId) };
    if (member.memberEpoch === STATIC_LEAVE_EPOCH) return { member };
    const message = `The instance id ${groupInstanceId} is owned by member ${member.memberId}.`;
    return refuse(ErrorCode.UNRELEASED_INSTANCE_ID, message);
  }
  if (member === undefined) return unknown(group, memberId, groupInstanceId);
  if (member.memberId !== memberId) return fenced(member, groupInstanceId);
  return epochRefusal(member, command) ?? { member };
}

/** A member may have missed the answer that gave it its epoch: the one before is good, too, if it has nothing that it shouldn't. */
function epochRefusal(member: StreamsMember, { memberEpoch, tasks }: StreamsHeartbeatCommand): Refusal | null {
  if (memberEpoch === JOIN_EPOCH || memberEpoch === member.memberEpoch) return null;
  const isPrevious = memberEpoch < member.memberEpoch && memberEpoch === member.previousMemberEpoch;
  const reported = reportedTasks(tasks);
  const hasOwnOnly = reported !== null && ROLES.every((role) => isWithin(reported[role], member.assigned[role]));
  if (isPrevious && hasOwnOnly) return null;
  const word = memberEpoch > member.memberEpoch ? "greater" : "smaller";
  const message = `The member's epoch ${memberEpoch} is ${word} than ${member.memberEpoch}, which the coordinator knows. It must abandon its tasks and rejoin.`;
  return refuse(ErrorCode.FENCED_MEMBER_EPOCH, message);
}

/** What the member is after the request: what it doesn't say stays, but for the endpoint of one that joins. */
export function infoAfter(former: StreamsMember | undefined, command: StreamsHeartbeatCommand): MemberInfo {
  const before = former ?? newStreamsMember("");
  const isJoining = command.memberEpoch === JOIN_EPOCH;
  return {
    groupInstanceId: command.groupInstanceId ?? before.groupInstanceId,
    rackId: command.rackId ?? before.rackId,
    clientId: command.clientId,
    clientHost: command.clientHost,
    rebalanceTimeoutMs: command.rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : command.rebalanceTimeoutMs,
    topologyEpoch: command.topology?.epoch ?? before.topologyEpoch,
    processId: command.processId ?? before.processId,
    userEndpoint: command.userEndpoint ?? (isJoining ? null : before.userEndpoint),
    clientTags: command.clientTags ?? before.clientTags,
  };
}

/** Tasks that the topology doesn't have; null for none. */
export function strangeTask(reported: RoleTasks | null, { subtopologies }: ConfiguredTopology): string | null {
  for (const role of ROLES) {
    for (const [subtopologyId, partitions] of reported?.[role] ?? []) {
      const taskCount = subtopologies.get(subtopologyId)?.taskCount;
      if (taskCount === undefined) return `The topology has no subtopology ${subtopologyId}.`;
      for (const partition of partitions) {
        if (partition < 0 || partition >= taskCount) {
          return `Subtopology ${subtopologyId} has ${taskCount} tasks, and no task ${partition}.`;
        }
      }
    }
  }
  return null;
}

/** Whether the group has a place for one more member. */
export function admitNumber(
  { configOf }: StreamsWorld,
  group: StreamsGroup,
  { memberId, groupInstanceId }: StreamsHeartbeatCommand,
): Refusal | null {
  if (groupInstanceId !== null && group.staticMember(groupInstanceId) !== undefined) return null;
  const { maxSize } = configOf(group.groupId);
  if (group.members.size < maxSize || group.members.has(memberId)) return null;
  const message = `The streams group has reached its maximum capacity of ${maxSize} members.`;
  return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, message);
}

interface Wanted {
  readonly memberId: string;
  readonly former: StreamsMember | undefined;
  readonly info: MemberInfo;
  readonly configured: ConfiguredTopology;
}

/** Whether the broker's memory has room for the member as it wants to be, and for what it brings about. */
export function admitBytes(group: StreamsGroup, command: StreamsHeartbeatCommand, wanted: Wanted): Refusal | null {
  const { memberId, former, info, configured } = wanted;
  const bytes = memberInfoBytes(memberId, info);
  if (bytes > MAX_STREAMS_MEMBER_BYTES) {
    return refuse(ErrorCode.INVALID_REQUEST, "The member says too much about itself.");
  }
  let added = bytes - (former === undefined ? 0 : memberInfoBytes(former.memberId, former));
  if (group.topology === null && command.topology !== null) added += topologyBytes(command.topology);
  // The first member gets all tasks; who comes later takes over some of them.
  if (group.members.size === 0) {
    for (const { taskCount } of configured.subtopologies.values()) added += 3 * TASK_BYTES * taskCount;
  }
  if (added <= 0 || group.hasRoomFor(added)) return null;
  return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, "The broker has no memory left for members of groups.");
}
