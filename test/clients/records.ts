/**
 * The records that every client writes and reads back, made from one seed: the same bytes in every language. They hold what
 * clients get wrong: null and empty keys and values, tombstones, binary and multi-byte text, headers, values larger than
 * one compression block. No header name repeats within a record, because @platformatic/kafka's headers are a map.
 */

export interface WireRecord {
  readonly partition: number;
  readonly timestampMs: number;
  /** base64, as are value and header values. */
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
}

export const PARTITIONS = 3;
const RECORDS = 240;
const BIG_VALUE_BYTES = 100_000;
const HOUR_MS = 3_600_000;

/** Timestamps begin a day ago, on a full hour: neither retention nor the limit on future timestamps touches them. */
export function makeRecords(nowMs: number): WireRecord[] {
  const base = Math.floor(nowMs / HOUR_MS) * HOUR_MS - 24 * HOUR_MS;
  const random = seeded(0x6b656467);
  const records: WireRecord[] = [];
  for (let index = 0; index < RECORDS; index++) {
    records.push({
      partition: index % PARTITIONS,
      timestampMs: base + index * 1000 + Math.floor(random() * 1000),
      key: encode(keyOf(index, random)),
      value: encode(valueOf(index, random)),
      headers: headersOf(index, random),
    });
  }
  return records;
}

function keyOf(index: number, random: () => number): Buffer | null {
  if (index % 11 === 5) return null;
  if (index % 11 === 6) return Buffer.alloc(0);
  if (index % 11 === 7) return randomBytes(16, random);
  return Buffer.from(`key-${index}-ключ`);
}

function valueOf(index: number, random: () => number): Buffer | null {
  // A tombstone has a key; aiokafka refuses to send a record with neither.
  if (index % 13 === 3 && index % 11 !== 5) return null;
  if (index % 13 === 4) return Buffer.alloc(0);
  if (index % 13 === 5) return randomBytes(300, random);
  if (index === 60) return randomBytes(BIG_VALUE_BYTES, random);
  if (index === 61) return Buffer.alloc(BIG_VALUE_BYTES, "abcdefgh");
  return Buffer.from(JSON.stringify({ index, text: "straße 🚲 ".repeat(1 + (index % 17)) }));
}

function headersOf(index: number, random: () => number): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  if (index % 3 === 0) headers.push(["trace", `${index}`]);
  if (index % 5 === 0) headers.push(["empty", ""]);
  if (index % 7 === 0) headers.push(["größe", randomBytes(40, random).toString("latin1")]);
  return headers.map(([name, value]) => [name, Buffer.from(value, "latin1").toString("base64")] as const);
}

function encode(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString("base64");
}

function randomBytes(length: number, random: () => number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** Public domain generator by Tommy Ettinger: 32 bits of state, good enough for test data. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
