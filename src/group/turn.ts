import type { Decision as CoordinatorDecision, RequestToken } from "#coordinator/machine.ts";
import type { TimerTable } from "#coordinator/timer-table.ts";
import { Turn as CoordinatorTurn } from "#coordinator/turn.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import type { ErrorCode } from "#protocol/errors.ts";
import type { GroupConfig } from "./limits.ts";
import { type TimerMeaning, timerKey } from "./timers.ts";

export interface JoinedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Uint8Array;
}

export interface JoinGroupReply {
  readonly errorCode: ErrorCode;
  /** -1 with an error. */
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  /** Only the leader learns who is in the group. */
  readonly members: readonly JoinedMember[];
}

export interface SyncGroupReply {
  readonly errorCode: ErrorCode;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Uint8Array;
}

/** The answer to a request that had been parked (or would have been). */
export type Reply =
  | { readonly kind: "join"; readonly token: RequestToken; readonly response: JoinGroupReply }
  | { readonly kind: "sync"; readonly token: RequestToken; readonly response: SyncGroupReply };

export type Decision<Response = undefined> = CoordinatorDecision<Response, Reply>;

/** One call of the group coordinator: what it may ask for, and where it puts what it wants done. */
export class Turn extends CoordinatorTurn<TimerMeaning, Reply> {
  readonly config: GroupConfig;

  constructor(nowMs: number, config: GroupConfig, table: TimerTable<TimerMeaning>) {
    super(nowMs, table, timerKey);
    this.config = config;
  }

  /** Writes the group as the record says it. */
  store(group: { storedRecord: CoordinatorRecord | null }, record: CoordinatorRecord): void {
    this.records.push(record);
    group.storedRecord = record;
  }
}

export function joinError(errorCode: ErrorCode, memberId: string): JoinGroupReply {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: "",
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export const NO_BYTES: Uint8Array = new Uint8Array(0);

export function syncError(errorCode: ErrorCode): SyncGroupReply {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES };
}
