// The walk over the batches of a segment, which checks their CRCs and makes the entries of its offset and time index. The formats and the fields of a
// walk are drawn at SegmentWalk in src/kernels/kernels.ts, the twin is src/kernels/reference/segment-index.ts.
import { crc32cSpending } from "./crc32c";

const LENGTH: i32 = 1;
const MAGIC: i32 = 2;
const CRC: i32 = 3;
const OFFSET: i32 = 4;

const HEADER_BYTES: u32 = 61;
const OVERHEAD_BYTES: i32 = 12;
const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const MAX_TIMESTAMP_AT: usize = 35;
const MAX_RELATIVE_OFFSET: f64 = 2147483647;
const MAX_SAFE_INTEGER: f64 = 9007199254740991;

// Where the walk's fields lie, float64 each.
const BASE_OFFSET: usize = 0;
const INTERVAL_BYTES: usize = 8;
const POSITION: usize = 16;
const BATCH_AT: usize = 24;
const BATCH_BYTES_LEFT: usize = 32;
const BATCH_LAST_OFFSET: usize = 40;
const BATCH_MAX_TIMESTAMP: usize = 48;
const BATCH_CRC: usize = 56;
const RUNNING_CRC: usize = 64;
const INDEXED_AT: usize = 72;
const TIME_ENTRY_MS: usize = 80;
const MAX_TIMESTAMP: usize = 88;
const OFFSET_OF_MAX_TIMESTAMP: usize = 96;
const NEXT_OFFSET: usize = 104;
const BATCH_COUNT: usize = 112;
// And what comes back beside them.
const CONSUMED: usize = 120;
const OFFSET_ENTRIES_END: usize = 128;
const TIME_ENTRIES_END: usize = 136;

/** Returns the fault, or 0. The chunk is spent afterwards: its bytes are others. Entries go to `offsets` and `times`, which have room for all. */
export function indexBatches(walk: usize, chunk: usize, length: u32, offsets: usize, times: usize): i32 {
  const end = chunk + length;
  const origin = load<f64>(walk, POSITION);
  let left = <u32>load<f64>(walk, BATCH_BYTES_LEFT);
  let at = chunk;
  let fault: i32 = 0;
  store<f64>(walk, <f64>offsets, OFFSET_ENTRIES_END);
  store<f64>(walk, <f64>times, TIME_ENTRIES_END);
  for (;;) {
    if (left > 0) {
      const part = min<u32>(left, <u32>(end - at));
      store<f64>(walk, <f64>crc32cSpending(<u32>load<f64>(walk, RUNNING_CRC), at, part), RUNNING_CRC);
      at += part;
      left -= part;
      if (left > 0) break;
    } else {
      if (<u32>(end - at) < HEADER_BYTES) break;
      fault = beginBatch(walk, at);
      if (fault != 0) break;
      left = bswap(load<u32>(at, LENGTH_AT)) + OVERHEAD_BYTES - HEADER_BYTES;
      // A batch that is all here needs its CRC computed only once, which is the faster way.
      const part = min<u32>(left, <u32>(end - at) - HEADER_BYTES);
      const crc = crc32cSpending(0, at + ATTRIBUTES_AT, part + HEADER_BYTES - <u32>ATTRIBUTES_AT);
      store<f64>(walk, <f64>crc, RUNNING_CRC);
      at += HEADER_BYTES + part;
      left -= part;
      if (left > 0) continue;
    }
    if (load<f64>(walk, RUNNING_CRC) != load<f64>(walk, BATCH_CRC)) {
      fault = CRC;
      break;
    }
    endBatch(walk, origin + <f64>(at - chunk));
  }
  store<f64>(walk, <f64>left, BATCH_BYTES_LEFT);
  store<f64>(walk, <f64>(at - chunk), CONSUMED);
  store<f64>(walk, origin + <f64>(at - chunk), POSITION);
  return fault;
}

function beginBatch(walk: usize, at: usize): i32 {
  const size = <i64>(<i32>bswap(load<u32>(at, LENGTH_AT))) + <i64>OVERHEAD_BYTES;
  if (size < <i64>HEADER_BYTES) return LENGTH;
  if (load<u8>(at, MAGIC_AT) != 2) return MAGIC;
  const baseOffset = int64(at);
  const lastOffsetDelta = <i32>bswap(load<u32>(at, LAST_OFFSET_DELTA_AT));
  const lastOffset = baseOffset + <f64>lastOffsetDelta;
  if (baseOffset < load<f64>(walk, NEXT_OFFSET) || lastOffsetDelta < 0) return OFFSET;
  if (lastOffset - load<f64>(walk, BASE_OFFSET) > MAX_RELATIVE_OFFSET) return OFFSET;
  store<f64>(walk, lastOffset, BATCH_LAST_OFFSET);
  store<f64>(walk, int64(at + MAX_TIMESTAMP_AT), BATCH_MAX_TIMESTAMP);
  store<f64>(walk, <f64>bswap(load<u32>(at, CRC_AT)), BATCH_CRC);
  return 0;
}

function endBatch(walk: usize, end: f64): void {
  const lastOffset = load<f64>(walk, BATCH_LAST_OFFSET);
  const batchAt = load<f64>(walk, BATCH_AT);
  if (load<f64>(walk, BATCH_MAX_TIMESTAMP) > load<f64>(walk, MAX_TIMESTAMP)) {
    store<f64>(walk, load<f64>(walk, BATCH_MAX_TIMESTAMP), MAX_TIMESTAMP);
    store<f64>(walk, lastOffset, OFFSET_OF_MAX_TIMESTAMP);
  }
  if (batchAt - load<f64>(walk, INDEXED_AT) > load<f64>(walk, INTERVAL_BYTES)) addEntries(walk, batchAt, lastOffset);
  store<f64>(walk, lastOffset + 1, NEXT_OFFSET);
  store<f64>(walk, load<f64>(walk, BATCH_COUNT) + 1, BATCH_COUNT);
  store<f64>(walk, end, BATCH_AT);
}

function addEntries(walk: usize, batchAt: f64, lastOffset: f64): void {
  const baseOffset = load<f64>(walk, BASE_OFFSET);
  const offsets = <usize>load<f64>(walk, OFFSET_ENTRIES_END);
  store<u32>(offsets, bswap(<u32>(lastOffset - baseOffset)));
  store<u32>(offsets, bswap(<u32>batchAt), 4);
  store<f64>(walk, <f64>(offsets + 8), OFFSET_ENTRIES_END);
  store<f64>(walk, batchAt, INDEXED_AT);
  const maxTimestamp = load<f64>(walk, MAX_TIMESTAMP);
  if (maxTimestamp <= load<f64>(walk, TIME_ENTRY_MS)) return;
  const times = <usize>load<f64>(walk, TIME_ENTRIES_END);
  store<u64>(times, bswap(<u64>(<i64>maxTimestamp)));
  store<u32>(times, bswap(<u32>(load<f64>(walk, OFFSET_OF_MAX_TIMESTAMP) - baseOffset)), 8);
  store<f64>(walk, <f64>(times + 12), TIME_ENTRIES_END);
  store<f64>(walk, maxTimestamp, TIME_ENTRY_MS);
}

/** Beyond the safe integers it stays at their end, as in a batch header. */
function int64(at: usize): f64 {
  return min<f64>(max<f64>(<f64>(<i64>bswap(load<u64>(at))), -MAX_SAFE_INTEGER), MAX_SAFE_INTEGER);
}
