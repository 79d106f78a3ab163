import type { Decision as CoordinatorDecision, ParkedReply } from "#coordinator/machine.ts";
import type { TimerTable } from "#coordinator/timer-table.ts";
import { Turn as CoordinatorTurn } from "#coordinator/turn.ts";
import type { TopicPartition, TransactionVersion } from "./state.ts";

/** What a timer of a transaction coordinator means when it fires. */
export type TimerMeaning =
  | { readonly kind: "abort"; readonly transactionalId: string }
  | { readonly kind: "expire-transactional-ids" };

export function timerKey(meaning: TimerMeaning): string {
  return meaning.kind === "abort" ? `abort ${meaning.transactionalId}` : meaning.kind;
}

/**
 * The end of a transaction is decided: its markers are to be written in all of these partitions, and when they are, the coordinator is to
 * be told (`TransactionCoordinator.complete`).
 */
export interface WriteMarkers {
  readonly transactionalId: string;
  readonly producerId: number;
  /** Of the markers: that of the transaction, or in transactions V2 the one behind it. */
  readonly producerEpoch: number;
  readonly isCommit: boolean;
  /** Of this coordinator: larger than that of any before it. */
  readonly coordinatorEpoch: number;
  readonly transactionVersion: TransactionVersion;
  readonly partitions: readonly TopicPartition[];
}

export type Decision<Response = undefined> = CoordinatorDecision<Response, ParkedReply, WriteMarkers>;

export class Turn extends CoordinatorTurn<TimerMeaning, ParkedReply, WriteMarkers> {
  constructor(nowMs: number, table: TimerTable<TimerMeaning>) {
    super(nowMs, table, timerKey);
  }
}
