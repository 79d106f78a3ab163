/** Frames of a server-sent event stream (WHATWG HTML, section 9.2). A frame ends with an empty line. */
import type { StoredRecord } from "#client/batches.ts";
import { formatCursor, type Positions } from "./cursor.ts";
import { STREAM_RETRY_MS } from "./limits.ts";
import { type Problem, unreadable } from "./problems.ts";
import { renderReadable } from "./render.ts";

/** Where a record lies. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
}

/**
 * The first frame: how soon to come back, and a resume point without an event, so that a client that has not seen a
 * record yet resumes where it began.
 */
export function openingFrame(positions: Positions): string {
  return `retry: ${STREAM_RETRY_MS}\nid: ${formatCursor(positions)}\n\n`;
}

/** One record; `positions` are those behind it. Headers keep their order, and a key may come twice. */
export function recordFrame({ topic, partition }: RecordPlace, record: StoredRecord, positions: Positions): string {
  const headers = record.headers.map(
    ({ key, value }) => `{"key":${JSON.stringify(key)},"value":${renderReadable(value)}}`,
  );
  const data =
    `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${record.offset},"timestamp":${record.timestampMs},` +
    `"key":${renderReadable(record.key)},"value":${renderReadable(record.value)},"headers":[${headers.join(",")}]}`;
  return `id: ${formatCursor(positions)}\ndata: ${data}\n\n`;
}

/** What stands for records that can't be shown, from `offset` on; `positions` are those behind them, and the stream goes on there. */
export function skippedFrame(
  { topic, partition }: RecordPlace,
  { offset, reason }: { readonly offset: number; readonly reason: string },
  positions: Positions,
): string {
  const { errorCode, message } = unreadable(reason);
  const data = JSON.stringify({ error_code: errorCode, message, topic, partition, offset });
  return `id: ${formatCursor(positions)}\nevent: problem\ndata: ${data}\n\n`;
}

/** What clients skip, but whoever looks at the stream can read. */
export function commentFrame(text: string): string {
  return `: ${text}\n\n`;
}

/** The last frame of a stream that can't go on, without an id. `error` would be mixed up with the event that a browser raises itself. */
export function problemFrame({ errorCode, message }: Problem): string {
  return `event: problem\ndata: ${JSON.stringify({ error_code: errorCode, message })}\n\n`;
}
