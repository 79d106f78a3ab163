import type { NewRecord, Record, RecordHeader } from "#records/record.ts";
import type { DeadLetterCause, DeadLetters } from "#share/transitions.ts";

/** Where records that nobody could process come from. */
export interface DeadLetterOrigin {
  readonly topic: string;
  readonly partitionIndex: number;
  readonly groupId: string;
}

/** In Kafka's words: who reads the queue may look at them. */
const SENTENCES: { readonly [cause in DeadLetterCause]: string } = {
  rejected: "Offset rejected by client.",
  "delivery count exceeded": "Offset delivery count exceeded the threshold.",
};

/** Records of one batch for a dead-letter queue at most. */
export const MAX_DEAD_LETTERS_AT_ONCE = 1_000;

const utf8 = new TextEncoder();

function headersOf(
  { topic, partitionIndex, groupId }: DeadLetterOrigin,
  { deliveryCount, cause }: DeadLetters,
  offset: number,
): RecordHeader[] {
  const headers = {
    "__dlq.errors.topic": topic,
    "__dlq.errors.partition": partitionIndex,
    "__dlq.errors.offset": offset,
    "__dlq.errors.group": groupId,
    "__dlq.errors.delivery.count": deliveryCount,
    "__dlq.errors.message": SENTENCES[cause],
  };
  return Object.entries(headers).map(([key, value]) => ({ key, value: utf8.encode(String(value)) }));
}

/** What the dead-letter queue gets of one record (KIP-1191): the headers say which one it was, the rest is a copy, if there is one. */
export function deadLetter(
  origin: DeadLetterOrigin,
  letters: DeadLetters,
  { offset, nowMs, copy }: { readonly offset: number; readonly nowMs: number; readonly copy: Record | undefined },
): NewRecord {
  const { key = null, value = null } = copy ?? {};
  return { timestampMs: nowMs, key, value, headers: headersOf(origin, letters, offset) };
}
