import type { CoordinatorRecord, TransactionalProducer, TransactionMarker } from "#ports/coordinator-log.ts";
import type { Decision, ParkedReply, TimerEffect } from "./machine.ts";
import type { TimerTable } from "./timer-table.ts";

/** One call of a state machine: when it is, and where it puts what it wants done. */
export class Turn<Meaning, Reply extends ParkedReply = ParkedReply, Effect = unknown> {
  readonly nowMs: number;
  readonly replies: Reply[] = [];
  readonly records: CoordinatorRecord[] = [];
  readonly timers: TimerEffect[] = [];
  readonly effects: Effect[] = [];
  /** The records belong to this producer's transaction. */
  producer: TransactionalProducer | undefined;
  /** Ends a transaction in this partition. */
  marker: TransactionMarker | undefined;
  private readonly table: TimerTable<Meaning>;
  private readonly keyOf: (meaning: Meaning) => string;

  /** `keyOf` names the timer of a meaning; different timers have different names. */
  constructor(nowMs: number, table: TimerTable<Meaning>, keyOf: (meaning: Meaning) => string) {
    this.nowMs = nowMs;
    this.table = table;
    this.keyOf = keyOf;
  }

  /** Sets or moves the timer of that meaning to `delayMs` from now. */
  setTimer(meaning: Meaning, delayMs: number): void {
    const key = this.keyOf(meaning);
    const deadlineMs = this.nowMs + Math.max(delayMs, 0);
    this.table.set(key, meaning, deadlineMs);
    this.timers.push({ kind: "set", key, deadlineMs });
  }

  hasTimer(meaning: Meaning): boolean {
    return this.table.deadlineMs(this.keyOf(meaning)) !== undefined;
  }

  cancelTimer(meaning: Meaning): void {
    const key = this.keyOf(meaning);
    if (this.table.cancel(key)) this.timers.push({ kind: "cancel", key });
  }

  decision<Response>(response: Response): Decision<Response, Reply, Effect> {
    const { replies, records, timers, producer, marker, effects } = this;
    return { response, replies, records, timers, producer, marker, effects };
  }
}
