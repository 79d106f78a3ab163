import { referenceKernels } from "#kernels/reference.ts";
import { BATCH_HEADER_BYTES, type BatchHeader, isControl, isTransactional } from "#records/batch.ts";
import type { Compression } from "#records/compression.ts";
import { readMarker } from "#records/control-record.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import type { NewRecord, Record } from "#records/record.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import type { SeenRecord } from "../../checker/history.ts";

export const compression: Compression = { kernels: referenceKernels, codecs: zlibCodecs };

const BROKEN = "?";
/** The header of a keyed record that says what all of it must be. */
const PROOF = "proof";
const ATTRIBUTES_AT = 21;
const SPACE = 0x20;
const LETTER_A = 97;
const MAX_KNOWN_BATCHES = 4_096;

/** A record's value: its id, and as much filling as wanted, which follows from the id. */
export function valueOf(id: string, sizeInBytes: number): Uint8Array {
  const value = Buffer.alloc(Math.max(sizeInBytes, id.length + 1), fillingOf(id));
  value.write(id, "latin1");
  value[id.length] = SPACE;
  return value;
}

function fillingOf(id: string): number {
  return LETTER_A + ((id.length * 31 + id.charCodeAt(id.length - 1)) % 26);
}

function idOf(value: Uint8Array | null): string {
  const end = value?.indexOf(SPACE) ?? -1;
  if (value === null || end <= 0) return BROKEN;
  let id = "";
  for (let at = 0; at < end; at++) id += String.fromCharCode(value[at]);
  const filling = fillingOf(id);
  for (let at = end + 1; at < value.length; at++) if (value[at] !== filling) return BROKEN;
  return id;
}

/** A record with a key, which proves its own key, timestamp and value: null for a tombstone. */
export function keyedRecord(
  id: string,
  key: string,
  { timestampMs, sizeInBytes }: { readonly timestampMs: number; readonly sizeInBytes: number | null },
): NewRecord {
  const value = sizeInBytes === null ? null : valueOf(id, sizeInBytes);
  const proof = Buffer.from(proofOf(id, key, timestampMs, value), "latin1");
  return { timestampMs, key: Buffer.from(key, "latin1"), value, headers: [{ key: PROOF, value: proof }] };
}

function proofOf(id: string, key: string, timestampMs: number, value: Uint8Array | null): string {
  return `${id} ${key} ${timestampMs} ${value?.length ?? "none"}`;
}

function idOfRecord({ key, value, timestampMs, headers }: Record): string {
  const [header] = headers;
  if (header?.key !== PROOF || header.value === null || key === null) return idOf(value);
  const proof = Buffer.from(header.value).toString("latin1");
  const id = proof.slice(0, proof.indexOf(" "));
  const isWhole = proof === proofOf(id, Buffer.from(key).toString("latin1"), timestampMs, value);
  return isWhole && (value === null || idOf(value) === id) ? id : BROKEN;
}

export interface Opened {
  readonly records: SeenRecord[];
  readonly nextOffset: number;
}

/** A batch that was opened before, with offsets from its first. Most batches are read by several clients. */
interface KnownBatch {
  readonly content: Uint8Array;
  readonly records: readonly SeenRecord[];
}

const known = new Map<number, KnownBatch>();

/** What a Fetch answer to a reader of committed records says was aborted. */
export interface Aborted {
  readonly producerId: number;
  readonly firstOffset: number;
}

/**
 * The records of a Fetch answer from an offset on; with `aborted` those of committed transactions only. Like stock consumers it holds
 * every batch against its checksum, and gives no control records.
 */
export function openRecords(
  bytes: Uint8Array | null,
  fromOffset: number,
  aborted: readonly Aborted[] | null = null,
): Opened {
  const records: SeenRecord[] = [];
  let nextOffset = fromOffset;
  if (bytes === null) return { records, nextOffset };
  const filter = new AbortFilter(aborted ?? []);
  for (const { at, header, control } of readBatches(bytes)) {
    nextOffset = header.baseOffset + header.lastOffsetDelta + 1;
    const opened = header.sizeInBytes < BATCH_HEADER_BYTES ? null : openBatch(bytes, at, header);
    if (opened === null) {
      records.push({ offset: Math.max(fromOffset, header.baseOffset), id: BROKEN });
      continue;
    }
    if (control) filter.end(header.producerId, header.baseOffset, readMarker(bytes, at)?.isCommit !== false);
    if (control || filter.isAborted(header)) continue;
    for (const { offset, id } of opened) {
      if (header.baseOffset + offset >= fromOffset) records.push({ offset: header.baseOffset + offset, id });
    }
  }
  return { records, nextOffset };
}

/** Which batches belong to aborted transactions, as consumers find out while they read on (KIP-98). */
class AbortFilter {
  readonly #coming: Aborted[];
  readonly #open = new Set<number>();

  constructor(aborted: readonly Aborted[]) {
    this.#coming = aborted.toSorted((one, other) => one.firstOffset - other.firstOffset);
  }

  isAborted({ attributes, baseOffset, lastOffsetDelta, producerId }: BatchHeader): boolean {
    this.#reach(baseOffset + lastOffsetDelta);
    return isTransactional(attributes) && this.#open.has(producerId);
  }

  end(producerId: number, offset: number, isCommit: boolean): void {
    this.#reach(offset);
    if (!isCommit) this.#open.delete(producerId);
  }

  #reach(lastOffset: number): void {
    while (this.#coming.length > 0 && this.#coming[0].firstOffset <= lastOffset) {
      this.#open.add((this.#coming.shift() as Aborted).producerId);
    }
  }
}

/** Null when the checksum is wrong. The same bytes behind the checksum hold the same records. */
function openBatch(bytes: Uint8Array, at: number, header: BatchHeader): readonly SeenRecord[] | null {
  const content = bytes.subarray(at + ATTRIBUTES_AT, at + header.sizeInBytes);
  const seen = known.get(header.crc);
  if (seen !== undefined && Buffer.compare(seen.content, content) === 0) return seen.records;
  if (header.crc !== referenceKernels.crc32c(content)) return null;
  if (isControl(header.attributes)) return [];
  const records = readRecords(compression, bytes, at).map((record) => ({
    offset: record.offset - header.baseOffset,
    id: idOfRecord(record),
  }));
  if (known.size === MAX_KNOWN_BATCHES) known.clear();
  known.set(header.crc, { content: content.slice(), records });
  return records;
}
