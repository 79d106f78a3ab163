import type { CoordinatorRecord, TransactionalProducer, TransactionMarker } from "#ports/coordinator-log.ts";

/** Names a request that waits for its reply. The machine only stores it and gives it back. */
export type RequestToken = number;

/** The answer to a request that had been parked (or would have been). */
export interface ParkedReply {
  readonly kind: string;
  readonly token: RequestToken;
  readonly response: unknown;
}

/** A timer is named by its key: setting it again moves it, and only its last deadline counts. */
export type TimerEffect =
  | { readonly kind: "set"; readonly key: string; readonly deadlineMs: number }
  | { readonly kind: "cancel"; readonly key: string };

/**
 * What a decision wants done. `records` go to the log as one append; `response` and `replies` may leave, and `effects` may be carried out,
 * only when that append, and every one before it, has been committed. If an append fails, the state machine is to be thrown away and
 * replayed from the log; effects that were never carried out are lost with it, so a machine raises them anew after its load.
 */
export interface Decision<Response = undefined, Reply extends ParkedReply = ParkedReply, Effect = unknown> {
  readonly response: Response;
  readonly replies: readonly Reply[];
  readonly records: readonly CoordinatorRecord[];
  readonly timers: readonly TimerEffect[];
  /** The records belong to this producer's transaction. */
  readonly producer?: TransactionalProducer;
  /** Ends a transaction in this partition, behind the records. */
  readonly marker?: TransactionMarker;
  readonly effects?: readonly Effect[];
}

/**
 * A coordinator: a pure state machine whose state is one partition of an internal topic. Its verbs take a command and the time and answer
 * a `Decision`; its state changes when the decision is made, so that commands may follow each other faster than the log commits.
 */
export interface CoordinatorMachine<Effect = unknown> {
  /** Takes one record of the log, before `onLoaded`; `producer` as in `CoordinatorLogVisitor`. The bytes are only lent. */
  replay(record: CoordinatorRecord, producer: TransactionalProducer | null): void;
  replayMarker(marker: TransactionMarker): void;
  /** All records have been replayed: timers begin to count. */
  onLoaded(nowMs: number): Decision<unknown, ParkedReply, Effect>;
  /** A timer that was set has come to its deadline. Early, late and repeated calls do no harm. */
  onTimer(key: string, nowMs: number): Decision<unknown, ParkedReply, Effect>;
  /** The timer that is due first. */
  nextTimer(): { readonly key: string; readonly deadlineMs: number } | null;
  readonly timerCount: number;
  /** How many records say all that a load would find. */
  readonly liveRecordCount: number;
  /** Whether `liveRecords` would say everything now: not while the log holds what no record alone can say, such as open transactions. */
  readonly canBeRewritten: boolean;
  /**
   * The records that say all that a load would find, each as it is when it is asked for. The state may change between two steps: what hasn't
   * been written since the first one comes exactly once.
   */
  liveRecords(): Iterator<CoordinatorRecord>;
  /** Gives back what it holds of the broker's budgets. It isn't to be used afterwards. */
  release(): void;
}
