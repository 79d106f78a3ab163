/** In which state a record of a share partition is (KIP-932), by the numbers under which the states are stored. */
export const RecordState = {
  AVAILABLE: 0,
  ACQUIRED: 1,
  ACKNOWLEDGED: 2,
  /** On its way to the dead-letter queue (KIP-1191); archived when it has arrived there. */
  ARCHIVING: 3,
  ARCHIVED: 4,
} as const;
export type RecordState = (typeof RecordState)[keyof typeof RecordState];

/** Nothing happens to such a record any more. */
export function isTerminal(state: RecordState): boolean {
  return state === RecordState.ACKNOWLEDGED || state === RecordState.ARCHIVED;
}

/** What a consumer says of a record that it has acquired, by the numbers on the wire. */
export const AcknowledgeType = {
  /** There is no such record, or it is none for applications. */
  GAP: 0,
  ACCEPT: 1,
  RELEASE: 2,
  REJECT: 3,
  /** Go on holding it (KIP-1222). */
  RENEW: 4,
} as const;
export type AcknowledgeType = (typeof AcknowledgeType)[keyof typeof AcknowledgeType];

/** How records are picked out of what was fetched (KIP-1206), by the numbers on the wire. */
export const AcquireMode = {
  /** Whole batches as they lie in the log, so that one may hold more records than were asked for. */
  BATCH_OPTIMIZED: 0,
  /** No more records than were asked for. */
  RECORD_LIMIT: 1,
} as const;
export type AcquireMode = (typeof AcquireMode)[keyof typeof AcquireMode];
