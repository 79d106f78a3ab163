import type { RequestToken } from "#coordinator/machine.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { joinError, type Turn } from "../turn.ts";
import type { ClassicGroup, ClassicMember, MemberProtocol } from "./group.ts";
import { replyToJoin } from "./rebalance.ts";

export interface JoinGroupCommand {
  readonly token: RequestToken;
  readonly groupId: string;
  /** Empty = the client has none yet. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly MemberProtocol[];
  /** From version 4 on: a dynamic member first gets its id and joins only when it comes back with it (KIP-394). */
  readonly requiresKnownMemberId: boolean;
  /** From version 9 on: a leader that comes back to a stable group can be told to leave the assignment as it is (KIP-814). */
  readonly canSkipAssignment: boolean;
  /** A fresh UUID in its usual text form; it becomes the end of the member id if one has to be made. */
  readonly uuid: string;
}

/**
 * The member waits from now on with what it offers now. A join that it has parked already came over a connection that it has given up;
 * that one is told to try again, where Kafka never answers it.
 */
export function parkJoin(group: ClassicGroup, member: ClassicMember, command: JoinGroupCommand, turn: Turn): void {
  replyToJoin(group, member, joinError(ErrorCode.REBALANCE_IN_PROGRESS, member.memberId), turn);
  group.updateProtocols(member, ownProtocols(command.protocols));
  member.rebalanceTimeoutMs = command.rebalanceTimeoutMs;
  member.sessionTimeoutMs = command.sessionTimeoutMs;
  group.setAwaitingJoin(member, command.token);
}

/** Metadata outlives its request's frame. */
export function ownProtocols(protocols: readonly MemberProtocol[]): MemberProtocol[] {
  return protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() }));
}
