/**
 * Control records (KIP-98): the one record of a control batch. Its key is a version and a type, both int16 (type 0 abort, 1 commit); its
 * value a version int16 and the epoch of the coordinator that ended the transaction int32.
 */
import { Reader } from "#bytes/reader.ts";
import { EndTxnMarker } from "#protocol/stored/end-txn-marker.ts";
import { decodeStoredValue, encodeStoredValue } from "#protocol/stored/record.ts";
import { BATCH_HEADER_BYTES, Codec, codecOf, isControl, isTransactional, readBatchHeader } from "./batch.ts";
import { buildBatch } from "./builder.ts";
import type { Compression } from "./compression.ts";
import { readPlainRecords } from "./reader.ts";

const CONTROL_VERSION = 0;
const ABORT = 0;
const COMMIT = 1;
const KEY_BYTES = 4;

/** What a control record says of the transaction that it ends. */
export interface EndMarker {
  readonly isCommit: boolean;
  readonly coordinatorEpoch: number;
}

/** A control batch that ends a producer's transaction. */
export function buildMarkerBatch(
  compression: Compression,
  marker: EndMarker & { readonly producerId: number; readonly producerEpoch: number },
  timestampMs: number,
): Uint8Array {
  const key = new Uint8Array(KEY_BYTES);
  const view = new DataView(key.buffer);
  view.setInt16(0, CONTROL_VERSION);
  view.setInt16(2, marker.isCommit ? COMMIT : ABORT);
  const value = encodeStoredValue(EndTxnMarker, { coordinatorEpoch: marker.coordinatorEpoch }, CONTROL_VERSION);
  const { producerId, producerEpoch } = marker;
  return buildBatch(compression, [{ timestampMs, key, value, headers: [] }], {
    producerId,
    producerEpoch,
    transactional: true,
    control: true,
  });
}

/**
 * What the control batch at `at` says, or null: it is no control batch of a transaction, its record is of another kind (snapshots and
 * leader changes of a quorum), or compaction has taken it. Throws MalformedMessageError when the record can't be read.
 */
export function readMarker(bytes: Uint8Array, at: number): EndMarker | null {
  const header = readBatchHeader(bytes, at);
  const { attributes, recordCount, sizeInBytes } = header;
  if (!isControl(attributes) || !isTransactional(attributes) || recordCount === 0) return null;
  if (codecOf(attributes) !== Codec.NONE) return null;
  const [record] = readPlainRecords(bytes.subarray(at + BATCH_HEADER_BYTES, at + sizeInBytes), header);
  if (record.key === null || record.value === null) return null;
  const key = new Reader(record.key);
  key.int16();
  const type = key.int16();
  if (type !== ABORT && type !== COMMIT) return null;
  const { coordinatorEpoch } = decodeStoredValue(EndTxnMarker, record.value);
  return { isCommit: type === COMMIT, coordinatorEpoch };
}
