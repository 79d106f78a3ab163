import { MalformedMessageError } from "#bytes/malformed.ts";
import { Writer } from "#bytes/writer.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  Codec,
  codecOf,
  copyTimestamps,
  hasDeleteHorizon,
  isControl,
  isTransactional,
  lastOffsetOf,
  makeAttributes,
  NO_TIMESTAMP,
  readBatchHeader,
  stampCrc,
  timestampTypeOf,
  writeBatchHeader,
} from "#records/batch.ts";
import { packingOf } from "#records/builder.ts";
import type { Compression } from "#records/compression.ts";
import { readMarker } from "#records/control-record.ts";
import { type OpenedBatch, openBatch } from "#records/reader.ts";
import type { OffsetMap } from "./offset-map.ts";
import { MAX_TIMESTAMP_MS, RecordWalk } from "./record-walk.ts";
import type { Marker, TransactionWalk } from "./transactions.ts";

/** What a partition remembers of a producer that may go on. */
export interface LastProduced {
  /** The offset of its last record, which is the last of its batch; null when the log knows only markers of it. */
  readonly lastDataOffset: number | null;
  readonly producerEpoch: number;
}

/** What decides about the records of one round. */
export interface CleaningRules {
  readonly nowMs: number;
  /** The topic's `delete.retention.ms`. */
  readonly deleteRetentionMs: number;
  readonly highWatermark: number;
  /**
   * The log begins with segments that the round can't reach: older values and aborted records may lie there, so what hides them stays, and
   * the time until it goes doesn't begin.
   */
  readonly keepsDeletes: boolean;
  /** The last offsets of the keys in the dirty part. */
  readonly latest: OffsetMap;
  lastProduced(producerId: number): LastProduced | undefined;
}

/** What becomes of a batch. `rewritten` bytes are an array of their own. */
export type CleanedBatch =
  | { readonly kind: "kept"; readonly recordCount: number }
  | { readonly kind: "dropped" }
  | {
      readonly kind: "rewritten";
      readonly bytes: Uint8Array;
      readonly recordCount: number;
      /** It has a delete horizon that it hadn't before. */
      readonly setsHorizon: boolean;
    };

const DROPPED: CleanedBatch = { kind: "dropped" };

/**
 * Removes from one batch what newer records, a passed delete horizon or an aborted transaction make useless, as Kafka's cleaner does (Cleaner,
 * MemoryRecords.filterTo; KIP-98, KIP-534). What stays keeps its offset, timestamp and headers, the batch its base and last offset,
 * sequence, epochs and codec; its base timestamp becomes that of the first record that stays, or the delete horizon, once it has one. A
 * batch that can't be opened stays as it is, and so does every older record of its keys (Kafka gives the whole partition up).
 *
 * @param batch exactly one batch
 */
export function cleanBatch(
  compression: Compression,
  batch: Uint8Array,
  rules: CleaningRules,
  transactions: TransactionWalk,
): CleanedBatch {
  const header = readBatchHeader(batch, 0);
  const lastOffset = lastOffsetOf(header);
  const staysEmpty = isLastOfProducer(header, rules) || lastOffset + 1 === rules.highWatermark;
  const empty = (): CleanedBatch => (staysEmpty ? emptied(compression, header) : DROPPED);
  try {
    if (isControl(header.attributes)) {
      const isUnneeded = transactions.isObsolete(header.producerId, markerOf(batch), lastOffset);
      const isObsolete = isUnneeded && !rules.keepsDeletes;
      const isDue = hasDeleteHorizon(header.attributes) && header.baseTimestamp <= rules.nowMs;
      if (header.recordCount === 0 || (isObsolete && isDue)) return empty();
      const choice = { kept: null, count: header.recordCount, canRebase: true, setsHorizon: isObsolete };
      return rewrite(compression, batch, openBatch(compression, batch, 0), { ...choice, rules });
    }
    if (transactions.isAborted(header.producerId, isTransactional(header.attributes), lastOffset)) return empty();
    if (header.recordCount === 0) return empty();
    const opened = openBatch(compression, batch, 0);
    const choice = chooseRecords(opened, rules);
    return choice.count === 0 ? empty() : rewrite(compression, batch, opened, { ...choice, rules });
  } catch (error) {
    if (error instanceof MalformedMessageError) return { kind: "kept", recordCount: header.recordCount };
    throw error;
  }
}

/** Without it the producer's state would be lost with the log's last trace of it, its next batch refused or a fenced one let in. */
function isLastOfProducer(header: BatchHeader, rules: CleaningRules): boolean {
  if (header.producerId < 0) return false;
  const last = rules.lastProduced(header.producerId);
  if (last === undefined) return false;
  return last.lastDataOffset === null
    ? isControl(header.attributes) && header.producerEpoch === last.producerEpoch
    : lastOffsetOf(header) === last.lastDataOffset;
}

/** What the control batch at the beginning of `batch` says. Throws MalformedMessageError when it can't be read. */
export function markerOf(batch: Uint8Array): Marker {
  if (readBatchHeader(batch, 0).recordCount === 0) return "none";
  const marker = readMarker(batch, 0);
  if (marker === null) return "other";
  return marker.isCommit ? "commit" : "abort";
}

/** The records of a batch that stay. */
interface Choice {
  /** One bit each; null for all of them. */
  readonly kept: Uint8Array | null;
  readonly count: number;
  /** False when their timestamps lie too far apart to be told from another base: then it stays, and there can be no horizon. */
  readonly canRebase: boolean;
  /** It holds a tombstone, or a marker that nobody needs: from now on it has a delete horizon. */
  readonly setsHorizon: boolean;
}

function chooseRecords(opened: OpenedBatch, rules: CleaningRules): Choice {
  const walk = new RecordWalk(opened);
  const { header } = opened;
  const isBeforeHorizon = !hasDeleteHorizon(header.attributes) || rules.nowMs < header.baseTimestamp;
  const tombstonesStay = rules.keepsDeletes || isBeforeHorizon;
  const kept = new Uint8Array((walk.count + 7) >>> 3);
  let count = 0;
  let setsHorizon = false;
  let canRebase = Math.abs(header.baseTimestamp) <= MAX_TIMESTAMP_MS;
  while (walk.next()) {
    if (!isRetained(walk, rules.latest, tombstonesStay)) continue;
    const bit = walk.position - 1;
    kept[bit >>> 3] |= 1 << (bit & 7);
    count += 1;
    if (!walk.hasValue && !rules.keepsDeletes) setsHorizon = true;
    if (Math.abs(walk.timestampMs) > MAX_TIMESTAMP_MS) canRebase = false;
  }
  return { kept: count === walk.count ? null : kept, count, canRebase, setsHorizon: setsHorizon && canRebase };
}

function isRetained(walk: RecordWalk, latest: OffsetMap, tombstonesStay: boolean): boolean {
  if (walk.offset > latest.latestOffset) return true;
  // A topic that became compacted later may hold some; nobody can tell them apart.
  if (!walk.hasKey) return false;
  if (!walk.hasValue && !tombstonesStay) return false;
  return walk.offset >= latest.get(walk.bytes, walk.keyFrom, walk.keyEnd);
}

function rewrite(
  compression: Compression,
  batch: Uint8Array,
  opened: OpenedBatch,
  choice: Choice & { readonly rules: CleaningRules },
): CleanedBatch {
  const { header } = opened;
  const { count, canRebase, rules } = choice;
  const hasHorizon = hasDeleteHorizon(header.attributes);
  const setsHorizon = choice.setsHorizon && !hasHorizon;
  if (choice.kept === null && !setsHorizon) return { kind: "kept", recordCount: count };
  let baseTimestamp: number | null = null;
  if (hasHorizon || !canRebase) baseTimestamp = header.baseTimestamp;
  else if (setsHorizon) baseTimestamp = Math.min(rules.nowMs + rules.deleteRetentionMs, MAX_TIMESTAMP_MS);
  const bytes = sealed(compression, opened, writeRecords(opened, choice, baseTimestamp), hasHorizon || setsHorizon);
  // They may be larger than the header could tell.
  if (!canRebase) {
    copyTimestamps(batch, bytes, 0);
    stampCrc(compression.kernels, bytes, 0);
  }
  return { kind: "rewritten", bytes, recordCount: count, setsHorizon };
}

/** Takes a delete horizon back that has just been set: with it each record's timestamp takes some bytes more. */
export function withoutHorizon(compression: Compression, batch: Uint8Array): Uint8Array {
  const opened = openBatch(compression, batch, 0);
  const all = { kept: null, count: opened.header.recordCount, canRebase: true, setsHorizon: false };
  return sealed(compression, opened, writeRecords(opened, all, null), false);
}

function sealed(
  compression: Compression,
  { header }: OpenedBatch,
  records: WrittenRecords,
  deleteHorizon: boolean,
): Uint8Array {
  const codec = codecOf(header.attributes) as Codec;
  return compression.kernels.sealBatch({
    roomBytes: BATCH_HEADER_BYTES + records.bytes.length,
    packing: packingOf(compression, codec),
    write(target, at) {
      const recordsAt = at + BATCH_HEADER_BYTES;
      target.set(records.bytes, recordsAt);
      writeBatchHeader(target, at, {
        ...header,
        sizeInBytes: BATCH_HEADER_BYTES + records.bytes.length,
        attributes: attributesOf(header, codec, deleteHorizon),
        baseTimestamp: records.baseTimestamp,
        maxTimestamp: records.maxTimestamp,
        recordCount: records.count,
      });
      return recordsAt + records.bytes.length;
    },
  });
}

interface WrittenRecords {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
}

/** Copies the records that stay, their timestamps told from the new base: null for that of the first of them. */
function writeRecords(opened: OpenedBatch, choice: Choice, newBase: number | null): WrittenRecords {
  const { header } = opened;
  const { kept, canRebase } = choice;
  const walk = new RecordWalk(opened);
  const writer = new Writer(opened.bytes.length);
  const delta = new Writer(MAX_VARLONG_BYTES);
  let baseTimestamp = newBase;
  let maxTimestamp = NO_TIMESTAMP;
  while (walk.next()) {
    const bit = walk.position - 1;
    if (kept !== null && (kept[bit >>> 3] & (1 << (bit & 7))) === 0) continue;
    baseTimestamp ??= walk.timestampMs;
    if (walk.timestampMs > maxTimestamp) maxTimestamp = walk.timestampMs;
    if (!canRebase) {
      writer.bytes(walk.bytes.subarray(walk.from, walk.end));
      continue;
    }
    delta.reset();
    delta.varlong(walk.timestampMs - baseTimestamp);
    const deltaBytes = delta.finish();
    writer.varint(1 + deltaBytes.length + walk.end - walk.deltaFrom);
    writer.int8(0);
    writer.bytes(deltaBytes);
    writer.bytes(walk.bytes.subarray(walk.deltaFrom, walk.end));
  }
  const keepsMax = timestampTypeOf(header.attributes) === "LogAppendTime" || !canRebase;
  return {
    bytes: writer.finish(),
    count: choice.count,
    baseTimestamp: baseTimestamp ?? NO_TIMESTAMP,
    maxTimestamp: keepsMax ? header.maxTimestamp : maxTimestamp,
  };
}

const MAX_VARLONG_BYTES = 10;

/** The batch without its records: what its producer's state needs. */
function emptied(compression: Compression, header: BatchHeader): CleanedBatch {
  if (header.recordCount === 0) return { kind: "kept", recordCount: 0 };
  const bytes = compression.kernels.sealBatch({
    roomBytes: BATCH_HEADER_BYTES,
    packing: "none",
    write(target, at) {
      writeBatchHeader(target, at, {
        ...header,
        sizeInBytes: BATCH_HEADER_BYTES,
        attributes: attributesOf(header, Codec.NONE, false),
        baseTimestamp: NO_TIMESTAMP,
        recordCount: 0,
      });
      return at + BATCH_HEADER_BYTES;
    },
  });
  return { kind: "rewritten", bytes, recordCount: 0, setsHorizon: false };
}

function attributesOf(header: BatchHeader, codec: Codec, deleteHorizon: boolean): number {
  const { attributes } = header;
  return makeAttributes({
    codec,
    timestampType: timestampTypeOf(attributes),
    transactional: isTransactional(attributes),
    control: isControl(attributes),
    deleteHorizon,
  });
}
