/** What a log holds, as text that can be compared with another log's. */
import {
  type BatchHeader,
  codecOf,
  hasDeleteHorizon,
  isControl,
  isTransactional,
  timestampTypeOf,
} from "#records/batch.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import type { Record } from "#records/record.ts";
import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { compression } from "./writers.ts";

const FETCH_VERSION = 11;
const FETCH_MAX_BYTES = 4 << 20;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
/** What stands before the coordinator's epoch in the value of a marker. */
const MARKER_VERSION_BYTES = 2;
/** The last byte of the type in a control record's key. */
const ABORT = 0;

export interface Contents {
  readonly lines: readonly string[];
  readonly recordCount: number;
  readonly endOffset: number;
}

/** Every batch and every record from the start of the partition to its end, read uncommitted. */
export async function contentsOf(session: Session, topic: string, producerIds: readonly number[]): Promise<Contents> {
  const lines: string[] = [];
  let recordCount = 0;
  for (let offset = 0; ; ) {
    const { records, endOffset } = await fetchFrom(session, topic, { offset, isolationLevel: READ_UNCOMMITTED });
    for (const { header, at } of readBatches(records)) {
      const name = producerIds.indexOf(header.producerId);
      lines.push(lineOf(header, name));
      offset = header.baseOffset + header.lastOffsetDelta + 1;
      for (const record of readRecords(compression, records, at)) {
        recordCount += 1;
        lines.push(`  ${recordLine(record, header)}`);
      }
    }
    if (records.length === 0 || offset >= endOffset) return { lines, recordCount, endOffset };
  }
}

/** The offsets that a consumer with read_committed gives its application, and where it has to stop. */
export async function committedOf(session: Session, topic: string): Promise<string[]> {
  const offsets: string[] = [];
  for (let offset = 0; ; ) {
    const { records, aborted, stableOffset } = await fetchFrom(session, topic, {
      offset,
      isolationLevel: READ_COMMITTED,
    });
    const aborting = new Set<number>();
    let next = 0;
    for (const { header, at } of readBatches(records)) {
      const lastOffset = header.baseOffset + header.lastOffsetDelta;
      for (; next < aborted.length && aborted[next].firstOffset <= lastOffset; next++)
        aborting.add(aborted[next].producerId);
      offset = lastOffset + 1;
      if (isControl(header.attributes)) {
        const [marker] = readRecords(compression, records, at);
        if (marker?.key?.[3] === ABORT) aborting.delete(header.producerId);
      } else if (!isTransactional(header.attributes) || !aborting.has(header.producerId)) {
        for (const record of readRecords(compression, records, at)) offsets.push(String(record.offset));
      }
    }
    if (records.length === 0 || offset >= stableOffset) return [...offsets, `stable to ${stableOffset}`];
  }
}

/** A marker carries its broker's clock, and so does a delete horizon. */
function lineOf(header: BatchHeader, producer: number): string {
  const { attributes, baseOffset, lastOffsetDelta, recordCount } = header;
  const brokersTime = hasBrokersTime(header);
  const flags = [
    isTransactional(attributes) ? "transactional" : "",
    isControl(attributes) ? "control" : "",
    hasDeleteHorizon(attributes) ? "horizon" : "",
    timestampTypeOf(attributes),
  ].filter((flag) => flag !== "");
  const base = hasDeleteHorizon(attributes) ? "horizon" : timeOf(header.baseTimestamp, brokersTime);
  return [
    `batch ${baseOffset}+${lastOffsetDelta} of ${recordCount}`,
    `codec ${codecOf(attributes)} ${flags.join(" ")}`,
    `times ${base} ${timeOf(header.maxTimestamp, brokersTime)}`,
    `producer ${producer} epoch ${header.producerEpoch} sequence ${header.baseSequence}`,
  ].join(", ");
}

function recordLine({ offset, key, value, timestampMs, headers }: Record, header: BatchHeader): string {
  const texts = headers.map((one) => `${one.key}=${textOf(one.value)}`);
  // The coordinator's epoch in a marker counts how often its cluster was started.
  const shown = isControl(header.attributes) && value !== null ? value.subarray(0, MARKER_VERSION_BYTES) : value;
  return `${offset} ${textOf(key)} = ${textOf(shown)} ${timeOf(timestampMs, hasBrokersTime(header))} [${texts}]`;
}

function hasBrokersTime({ attributes }: BatchHeader): boolean {
  return isControl(attributes) || timestampTypeOf(attributes) === "LogAppendTime";
}

function timeOf(timestampMs: number, isBrokers: boolean): string {
  return isBrokers && timestampMs >= 0 ? "now" : String(timestampMs);
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : JSON.stringify(Buffer.from(bytes).toString("latin1"));
}

async function fetchFrom(
  session: Session,
  topic: string,
  { offset: fetchOffset, isolationLevel }: { readonly offset: number; readonly isolationLevel: number },
) {
  const answer = await session.tell(m.Fetch, FETCH_VERSION, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: FETCH_MAX_BYTES,
    sessionEpoch: -1,
    isolationLevel,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: FETCH_MAX_BYTES }] }],
  });
  const partition = answer.responses[0].partitions[0];
  if (partition.errorCode !== 0)
    throw new Error(`a fetch at ${fetchOffset} is answered by error ${partition.errorCode}`);
  return {
    records: partition.records ?? new Uint8Array(0),
    endOffset: partition.highWatermark,
    stableOffset: partition.lastStableOffset,
    aborted: [...(partition.abortedTransactions ?? [])].sort((one, other) => one.firstOffset - other.firstOffset),
  };
}
