import { ErrorCode } from "#protocol/errors.ts";
import { isRefusal, metadataHashOf, type Refusal, refuse } from "../consumer/world.ts";
import type { Group } from "../group.ts";
import type { Turn } from "../turn.ts";
import { admitBytes, admitNumber, findMember, infoAfter, invalidity, reportedTasks, strangeTask } from "./admit.ts";
import { type ConfiguredTopic, type ConfiguredTopology, configureTopology } from "./configure.ts";
import { type EndpointPartitions, partitionsByEndpoint } from "./endpoints.ts";
import { StreamsGroup } from "./group.ts";
import { leaveStreamsGroup, notFound, replaceStaticMember } from "./leave.ts";
import {
  isReconciledTo,
  isSameCurrent,
  isSameEndpoint,
  isSameForAssignment,
  isSameInfo,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  type MemberInfo,
  MemberState,
  newStreamsMember,
  STATIC_LEAVE_EPOCH,
  type StreamsMember,
  type UserEndpoint,
} from "./member.ts";
import { type ReportedOffsets, type TaskOffset, updatedOffsets } from "./offsets.ts";
import { nextTasks } from "./reconcile.ts";
import { type StatusEntry, StreamsStatus } from "./status.ts";
import { areSameConfigs, assignmentConfigsOf, updateTarget } from "./target.ts";
import { areSameHeldTasks, type HeldTasks, NO_TASKS, type RoleTasks, type Tasks } from "./tasks.ts";
import { isSameTopology, requiredTopics, type Topology, topologyProblem } from "./topology.ts";
import { change, type StreamsWorld, streamsGroup, timerOf } from "./world.ts";

/** Null says that nothing has changed since the member's last heartbeat. */
export interface StreamsHeartbeatCommand {
  readonly groupId: string;
  readonly memberId: string;
  /** 0 to join, -1 to leave, -2 to leave for a while; else the one that it was told. */
  readonly memberEpoch: number;
  readonly groupInstanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** -1 = unchanged. */
  readonly rebalanceTimeoutMs: number;
  /** Only who joins says it. */
  readonly topology: Topology | null;
  readonly tasks: { readonly active: Tasks | null; readonly standby: Tasks | null; readonly warmup: Tasks | null };
  readonly processId: string | null;
  readonly userEndpoint: UserEndpoint | null;
  readonly clientTags: ReadonlyMap<string, string> | null;
  readonly taskOffsets: readonly TaskOffset[] | null;
  readonly taskEndOffsets: readonly TaskOffset[] | null;
  /** What the client knows of where queries are answered. */
  readonly endpointEpoch: number;
  /** The whole application is to end. */
  readonly isShutdown: boolean;
  /** Clients before version 1 don't understand that they lack a tag. */
  readonly knowsClientTags: boolean;
}

export interface StreamsHeartbeatReply {
  readonly kind: "beat";
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  readonly statuses: readonly StatusEntry[];
  /** Null = as the member was told last. */
  readonly assigned: HeldTasks | null;
  readonly endpointEpoch: number;
  /** Null = as the client knows it. */
  readonly endpoints: readonly EndpointPartitions[] | null;
  /** Internal topics that the application needs and that aren't there. */
  readonly missingTopics: readonly ConfiguredTopic[];
}

/** The member has gone. */
export interface StreamsLeaveReply {
  readonly kind: "left";
}

/** StreamsGroupHeartbeat (KIP-1071): join, stay, change one's mind, leave; everything that a member does in its group is this. */
export function streamsHeartbeat(
  world: StreamsWorld,
  command: StreamsHeartbeatCommand,
  turn: Turn,
): StreamsHeartbeatReply | StreamsLeaveReply | Refusal {
  const invalid = invalidity(command);
  if (invalid !== null) return refuse(ErrorCode.INVALID_REQUEST, invalid);
  if (command.memberEpoch === LEAVE_EPOCH || command.memberEpoch === STATIC_LEAVE_EPOCH) {
    return leaveStreamsGroup(world, command, turn) ?? { kind: "left" };
  }
  const joinable = groupToJoin(world, command);
  if (isRefusal(joinable)) return joinable;
  const plan = admit(world, joinable.group, command);
  if (isRefusal(plan)) {
    if (joinable.isNew) joinable.group.release();
    return plan;
  }
  if (joinable.isNew) {
    if (joinable.former !== null) world.bury(joinable.former, turn);
    if (!world.space.add(joinable.group)) {
      return refuse(ErrorCode.POLICY_VIOLATION, "The coordinator has no room for another group.");
    }
  }
  // From here on nothing is refused.
  return beat(world, { ...joinable, command, plan }, turn);
}

interface JoinableGroup {
  readonly group: StreamsGroup;
  readonly isNew: boolean;
  /** The empty group that has the name now. */
  readonly former: Group | null;
}

/** The group that a heartbeat is for. An empty classic group gives its name away. */
function groupToJoin(world: StreamsWorld, { groupId, memberEpoch }: StreamsHeartbeatCommand): JoinableGroup | Refusal {
  const group = streamsGroup(world, groupId);
  if (group !== undefined) return { group, isNew: false, former: null };
  const former = world.space.get(groupId) ?? null;
  const isTaken = former !== null && (former.kind !== "classic" || former.state !== "Empty");
  if (memberEpoch !== JOIN_EPOCH || isTaken) return notFound(world, groupId);
  return { group: new StreamsGroup(groupId, world.space.budget), isNew: true, former };
}

/** What the heartbeat comes to, as far as it can be refused. */
interface Plan {
  readonly former: StreamsMember | undefined;
  readonly info: MemberInfo;
  readonly topology: Topology;
  readonly configured: ConfiguredTopology;
  readonly metadataHash: number;
  /** Null = nothing was reported. */
  readonly offsets: ReportedOffsets | null;
}

function admit(world: StreamsWorld, group: StreamsGroup, command: StreamsHeartbeatCommand): Plan | Refusal {
  const isJoining = command.memberEpoch === JOIN_EPOCH;
  const full = isJoining ? admitNumber(world, group, command) : null;
  if (full !== null) return full;
  const found = findMember(group, command);
  if (isRefusal(found)) return found;
  const former = found.member;
  const info = infoAfter(former, command);
  const topology = topologyAfter(group, command.topology);
  if (isRefusal(topology)) return topology;
  const looked = lookAtTopics(world, group, topology);
  if ("kind" in looked) return refuse(ErrorCode.STREAMS_INVALID_TOPOLOGY, looked.message);
  const { configured, metadataHash } = looked;
  const strange = configured.problem === null ? strangeTask(reportedTasks(command.tasks), configured) : null;
  if (strange !== null) return refuse(ErrorCode.INVALID_REQUEST, strange);
  const offsets = offsetsAfter(group, former, command);
  if (typeof offsets === "string") return refuse(ErrorCode.INVALID_REQUEST, `Task ${offsets} has two offsets.`);
  const { memberId } = command;
  const tooMuch = admitBytes(group, command, { memberId, former, info, configured });
  return tooMuch ?? { former, info, topology, configured, metadataHash, offsets };
}

/** The group's topology; a member may bring it along, and one that brings an older one may stay. */
function topologyAfter({ topology: known }: StreamsGroup, said: Topology | null): Topology | Refusal {
  if (said === null) {
    if (known === null) throw new Error("a group with members has no topology");
    return known;
  }
  const problem = topologyProblem(said);
  if (problem !== null) return refuse(ErrorCode.STREAMS_INVALID_TOPOLOGY, problem);
  if (known === null) return said;
  if (known.epoch > said.epoch || isSameTopology(known, said)) return known;
  return refuse(ErrorCode.INVALID_REQUEST, "The group has another topology, and topologies can't be changed yet.");
}

function lookAtTopics({ space: { topics } }: StreamsWorld, group: StreamsGroup, topology: Topology) {
  const { configured, metadata } = group;
  if (configured !== null && group.checkedVersion === topics.imageVersion()) {
    return { configured, metadataHash: metadata.metadataHash };
  }
  const metadataHash = metadataHashOf(topics, requiredTopics(topology));
  if (configured !== null && metadataHash === metadata.metadataHash) return { configured, metadataHash };
  const next = configureTopology(topology, topics);
  return "kind" in next ? next : { configured: next, metadataHash };
}

function offsetsAfter(
  group: StreamsGroup,
  former: StreamsMember | undefined,
  { memberId, taskOffsets, taskEndOffsets }: StreamsHeartbeatCommand,
): ReportedOffsets | string | null {
  if (taskOffsets === null && taskEndOffsets === null) return null;
  return updatedOffsets(group.offsetsOf(former?.memberId ?? memberId), taskOffsets, taskEndOffsets);
}

interface Beat extends JoinableGroup {
  readonly command: StreamsHeartbeatCommand;
  readonly plan: Plan;
}

function beat(world: StreamsWorld, { group, isNew, command, plan }: Beat, turn: Turn): StreamsHeartbeatReply {
  const { groupId, memberId } = command;
  const { former, info, topology, configured, metadataHash } = plan;
  const config = world.configOf(groupId);
  const statuses = staleness(group, info);
  const wasEmpty = group.members.size === 0;
  const member =
    former !== undefined && former.memberId !== memberId
      ? replaceStaticMember(group, former, memberId, turn)
      : (former ?? newStreamsMember(memberId));
  const isKnown = group.members.has(memberId);
  let mustBegin = false;
  if (!isKnown || !isSameInfo(member, info)) {
    change(group, turn, { kind: "member", memberId, value: info });
    mustBegin = command.groupInstanceId === null || !isSameForAssignment(member, info);
  }
  if (group.topology === null) change(group, turn, { kind: "topology", value: topology });
  group.configured = configured;
  group.checkedVersion = world.space.topics.imageVersion();
  if (plan.offsets !== null) group.report(memberId, plan.offsets);
  const { metadata } = group;
  const validatedTopologyEpoch = configured.problem === null ? topology.epoch : -1;
  const assignmentConfigs = assignmentConfigsOf(config);
  mustBegin ||= metadataHash !== metadata.metadataHash || validatedTopologyEpoch !== metadata.validatedTopologyEpoch;
  mustBegin ||= !areSameConfigs(assignmentConfigs, metadata.assignmentConfigs);
  if (mustBegin) {
    const value = { epoch: metadata.epoch + 1, metadataHash, validatedTopologyEpoch, assignmentConfigs };
    change(group, turn, { kind: "group", value });
  }
  if (wasEmpty && config.initialRebalanceDelayMs > 0 && !turn.hasTimer(timerOf(group, "initial"))) {
    turn.setTimer(timerOf(group, "initial"), config.initialRebalanceDelayMs);
  }
  const delay = updateTarget(world, group, configured, turn);
  if (delay !== null) statuses.push(delay);
  reconcile(group, memberId, reportedTasks(command.tasks), turn);
  turn.setTimer(timerOf(group, "session", memberId), config.sessionTimeoutMs);
  if (command.isShutdown) group.shutdownMemberId ??= memberId;
  statuses.push(...statusesOf(group, config.rackAwareTags, command, info));
  return replyOf(world, group, { command, member, isNew, statuses });
}

/** Before the target is looked at: the member runs something older than the group. */
function staleness({ topology }: StreamsGroup, { topologyEpoch }: MemberInfo): StatusEntry[] {
  if (topology === null || topologyEpoch >= topology.epoch) return [];
  const statusDetail = `The member's topology has epoch ${topologyEpoch}, the group's ${topology.epoch}.`;
  return [{ statusCode: StreamsStatus.STALE_TOPOLOGY, statusDetail }];
}

function statusesOf(
  { configured, shutdownMemberId }: StreamsGroup,
  rackAwareTags: readonly string[],
  { knowsClientTags }: StreamsHeartbeatCommand,
  { clientTags }: MemberInfo,
): StatusEntry[] {
  const statuses: StatusEntry[] = [];
  if (configured !== null && configured.problem !== null) statuses.push(configured.problem);
  if (shutdownMemberId !== null) {
    const statusDetail = `Member ${shutdownMemberId} has asked for the end of the whole application.`;
    statuses.push({ statusCode: StreamsStatus.SHUTDOWN_APPLICATION, statusDetail });
  }
  const missing = rackAwareTags.filter((tag) => !clientTags.has(tag));
  if (knowsClientTags && missing.length > 0) {
    const statusDetail = `The member lacks client tags: ${missing.join(", ")}.`;
    statuses.push({ statusCode: StreamsStatus.MISSING_CLIENT_TAGS, statusDetail });
  }
  return statuses;
}

/** Takes the member's next step towards its target; there is none as long as the group waits for more members. */
function reconcile(group: StreamsGroup, memberId: string, reported: RoleTasks | null, turn: Turn): void {
  const member = memberOf(group, memberId);
  if (isReconciledTo(member, group.targetEpoch)) return;
  const next = nextTasks(member, {
    targetEpoch: group.targetEpoch,
    target: turn.hasTimer(timerOf(group, "initial")) ? NO_TASKS : group.target(memberId),
    holders: group.holders,
    processOf: (holder) => group.members.get(holder)?.processId ?? "",
    reported,
  });
  if (isSameCurrent(next, member)) return;
  change(group, turn, { kind: "current", memberId, value: next });
  const timer = timerOf(group, "rebalance", memberId);
  if (next.state === MemberState.UNREVOKED_TASKS) turn.setTimer(timer, member.rebalanceTimeoutMs);
  else turn.cancelTimer(timer);
}

interface Answer {
  readonly command: StreamsHeartbeatCommand;
  /** As it was before. */
  readonly member: StreamsMember;
  readonly isNew: boolean;
  readonly statuses: readonly StatusEntry[];
}

function replyOf(
  { space, configOf }: StreamsWorld,
  group: StreamsGroup,
  { command, member: before, isNew, statuses }: Answer,
): StreamsHeartbeatReply {
  const { memberEpoch, assigned, userEndpoint } = memberOf(group, command.memberId);
  const hasOtherTasks = !areSameHeldTasks(before.assigned, assigned);
  const hasOtherEndpoint = !isSameEndpoint(before.userEndpoint, userEndpoint);
  const hasMoved = hasOtherEndpoint || (hasOtherTasks && userEndpoint !== null);
  const endpointEpoch = group.endpointEpoch + Number(hasMoved);
  // The first heartbeat of a group doesn't count, as in Kafka.
  if (!isNew) group.endpointEpoch = endpointEpoch;
  const isNews = command.memberEpoch === JOIN_EPOCH || hasOtherTasks;
  return {
    kind: "beat",
    memberEpoch,
    heartbeatIntervalMs: configOf(group.groupId).heartbeatIntervalMs,
    statuses,
    assigned: isNews ? assigned : null,
    endpointEpoch: group.endpointEpoch,
    endpoints: endpointEpoch === command.endpointEpoch ? null : partitionsByEndpoint(group, space.topics),
    missingTopics: group.configured?.missingTopics ?? [],
  };
}

function memberOf(group: StreamsGroup, memberId: string): StreamsMember {
  const member = group.members.get(memberId);
  if (member === undefined) throw new Error(`no member ${memberId} in group ${group.groupId}`);
  return member;
}
