import { referenceKernels } from "#kernels/reference.ts";
import { BATCH_HEADER_BYTES, readBatchHeader } from "#records/batch.ts";
import type { Compression } from "#records/compression.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import type { SeenRecord } from "../../checker/history.ts";

export const compression: Compression = { kernels: referenceKernels, codecs: zlibCodecs };

const BROKEN = "?";
const ATTRIBUTES_AT = 21;

/** A record's value: its id, and as much filling as wanted, which follows from the id. */
export function valueOf(id: string, sizeInBytes: number): Uint8Array {
  const seed = id.length * 31 + id.charCodeAt(id.length - 1);
  const filling = String.fromCharCode(97 + (seed % 26)).repeat(Math.max(0, sizeInBytes - id.length - 1));
  return Buffer.from(`${id} ${filling}`);
}

function idOf(value: Uint8Array | null): string {
  const text = Buffer.from(value ?? []).toString();
  const end = text.indexOf(" ");
  const id = text.slice(0, end);
  return end > 0 && Buffer.from(valueOf(id, text.length)).equals(Buffer.from(text)) ? id : BROKEN;
}

export interface Opened {
  readonly records: SeenRecord[];
  readonly nextOffset: number;
}

/** The records of a Fetch answer from an offset on. Like stock consumers it holds every batch against its checksum. */
export function openRecords(bytes: Uint8Array | null, fromOffset: number): Opened {
  const records: SeenRecord[] = [];
  let nextOffset = fromOffset;
  if (bytes === null) return { records, nextOffset };
  for (const { at, header } of readBatches(bytes)) {
    nextOffset = header.baseOffset + header.lastOffsetDelta + 1;
    const { crc } = readBatchHeader(bytes, at);
    const isWhole = crc === referenceKernels.crc32c(bytes.subarray(at + ATTRIBUTES_AT, at + header.sizeInBytes));
    if (!isWhole || header.sizeInBytes < BATCH_HEADER_BYTES) {
      records.push({ offset: Math.max(fromOffset, header.baseOffset), id: BROKEN });
      continue;
    }
    for (const { offset, value } of readRecords(compression, bytes, at)) {
      if (offset >= fromOffset) records.push({ offset, id: idOf(value) });
    }
  }
  return { records, nextOffset };
}
