import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import type { ErrorCode } from "#protocol/errors.ts";
import type { GroupConfig } from "./limits.ts";
import { type TimerMeaning, type TimerTable, timerKey } from "./timer-table.ts";

/** Names a request that waits for its reply. The machine only stores it and gives it back. */
export type RequestToken = number;

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

/** A timer is named by its key: setting it again moves it, and only its last deadline counts. */
export type TimerEffect =
  | { readonly kind: "set"; readonly key: string; readonly deadlineMs: number }
  | { readonly kind: "cancel"; readonly key: string };

/**
 * What a decision wants done. `records` go to the log as one append; `response` and `replies` may leave only when that append, and
 * every one before it, has been committed. If an append fails, the state machine is to be thrown away and replayed from the log.
 */
export interface Decision<Response = undefined> {
  readonly response: Response;
  readonly replies: readonly Reply[];
  readonly records: readonly CoordinatorRecord[];
  readonly timers: readonly TimerEffect[];
}

/** One call of the state machine: what it may ask for, and where it puts what it wants done. */
export class Turn {
  readonly nowMs: number;
  readonly config: GroupConfig;
  readonly replies: Reply[] = [];
  readonly records: CoordinatorRecord[] = [];
  readonly timers: TimerEffect[] = [];
  private readonly table: TimerTable;

  constructor(nowMs: number, config: GroupConfig, table: TimerTable) {
    this.nowMs = nowMs;
    this.config = config;
    this.table = table;
  }

  /** Sets or moves the timer of that meaning to `delayMs` from now. */
  setTimer(meaning: TimerMeaning, delayMs: number): void {
    const key = timerKey(meaning);
    const deadlineMs = this.nowMs + Math.max(delayMs, 0);
    this.table.set(key, meaning, deadlineMs);
    this.timers.push({ kind: "set", key, deadlineMs });
  }

  cancelTimer(meaning: TimerMeaning): void {
    const key = timerKey(meaning);
    if (this.table.cancel(key)) this.timers.push({ kind: "cancel", key });
  }

  /** Writes the group as the record says it. */
  store(group: { storedRecord: CoordinatorRecord | null }, record: CoordinatorRecord): void {
    this.records.push(record);
    group.storedRecord = record;
  }

  decision<Response>(response: Response): Decision<Response> {
    return { response, replies: this.replies, records: this.records, timers: this.timers };
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
