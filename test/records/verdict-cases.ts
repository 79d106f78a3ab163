/**
 * Batches good and bad, and the topic they are sent to. `node test/records/verdict-cases.ts` writes them for Judge.java, whose
 * answers, those of Kafka itself, stand in test/vectors/records/verdicts.tsv.
 */
import { readFileSync } from "node:fs";
import { referenceKernels as kernels } from "#kernels/reference.ts";
import { Codec, stampCrc } from "#records/batch.ts";
import { type BatchOptions, buildBatch } from "#records/builder.ts";
import type { NewRecord } from "#records/record.ts";
import type { ValidationRules } from "#records/validate.ts";
import { zlibCodecs as codecs } from "#worker/codecs.ts";

export const NOW_MS = 1_700_000_000_000;
const VECTORS = new URL("../vectors/records/", import.meta.url);

export const DEFAULT_RULES: ValidationRules = {
  produceVersion: 9,
  maxMessageBytes: 1_048_588,
  timestampType: "CreateTime",
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  nowMs: NOW_MS,
  compacted: false,
};

export interface VerdictCase {
  readonly name: string;
  readonly batch: Uint8Array;
  readonly rules: ValidationRules;
}

const encoder = new TextEncoder();

export function vector(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.bin`, VECTORS)));
}

function record(ageMs: number, key: string | null, headers: NewRecord["headers"] = []): NewRecord {
  return {
    timestampMs: NOW_MS - ageMs,
    key: key === null ? null : encoder.encode(key),
    value: encoder.encode("v"),
    headers,
  };
}

const SMALL = [record(5, "a"), record(3, null, [{ key: "h", value: null }]), record(4, "c")];

function built(records: readonly NewRecord[] = SMALL, options: BatchOptions = {}): Uint8Array {
  return buildBatch({ kernels, codecs }, records, options);
}

/** A sound batch with bytes changed, and a CRC that is right again. */
function altered(batch: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = batch.slice();
  change(new DataView(copy.buffer));
  stampCrc(kernels, copy, 0);
  return copy;
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function* headerCases(): Generator<[string, Uint8Array, Partial<ValidationRules>?]> {
  const small = built();
  yield ["plain", small];
  yield ["empty", new Uint8Array(0)];
  yield ["two batches", join(small, small)];
  yield ["a batch and a cut one", join(small, small.subarray(0, 80))];
  yield ["a batch and 11 bytes", join(small, new Uint8Array(11))];
  yield ["a batch and 12 zeros", join(small, new Uint8Array(12))];
  yield ["crc", small.with(17, small[17] ^ 1)];
  yield ["base offset", altered(small, (view) => view.setBigInt64(0, 5n))];
  yield ["negative base offset", altered(small, (view) => view.setBigInt64(0, -1n))];
  for (const magic of [0, 1, 3, 127, -1]) yield [`magic ${magic}`, small.with(16, magic & 0xff)];
  yield ["message set 0", vector("java-magic-0")];
  yield ["message set 1", vector("java-magic-1")];
  for (const length of [-1, 0, 13, 16, 48, small.length - 13, small.length - 11, 0x7fffffff]) {
    const lying = small.slice();
    new DataView(lying.buffer).setInt32(8, length);
    yield [`length ${length}`, lying];
  }
  for (const delta of [-1, 0, 1, 3, 0x7fffffff]) {
    yield [`last offset delta ${delta}`, altered(small, (view) => view.setInt32(23, delta))];
  }
  for (const count of [-1, 0, 2, 4, 0x7fffffff]) {
    yield [`record count ${count}`, altered(small, (view) => view.setInt32(57, count))];
    yield [
      `record count ${count}, consistent`,
      altered(small, (view) => view.setInt32(57, count) ?? view.setInt32(23, count - 1)),
    ];
  }
  yield ["no records, consistent", altered(small.subarray(0, 61), (view) => view.setInt32(8, 49))];
  for (const codec of [5, 6, 7]) yield [`codec ${codec}`, altered(small, (view) => view.setInt16(21, codec))];
  yield ["unused attributes", altered(small, (view) => view.setInt16(21, 0x7f80))];
  yield ["control", built(SMALL, { control: true })];
  yield ["transactional", built(SMALL, { transactional: true, producerId: 7, producerEpoch: 0, baseSequence: 0 })];
  yield ["producer without sequence", built(SMALL, { producerId: 7, producerEpoch: 0 })];
  yield ["producer without epoch", built(SMALL, { producerId: 7, baseSequence: 3 })];
  yield ["sequence without producer", built(SMALL, { baseSequence: 3 })];
  yield ["too large", small, { maxMessageBytes: small.length - 1 }];
  yield ["just large enough", small, { maxMessageBytes: small.length }];
}

function* timestampCases(): Generator<[string, Uint8Array, Partial<ValidationRules>?]> {
  const append = { timestampType: "LogAppendTime" } as const;
  const appendTimed = vector("java-log-append-time");
  yield ["log append time topic", built(), append];
  yield ["log append time batch", appendTimed];
  yield ["log append time batch and topic", appendTimed, append];
  yield ["log append time batch, compacted", appendTimed, { compacted: true }];
  yield ["log append time batch without a time", altered(appendTimed, (view) => view.setBigInt64(35, -1n))];
  yield ["future", built([record(0, "a"), record(-3_600_001, "b"), record(-3_600_000, "c")])];
  yield ["future, log append time", built([record(0, "a"), record(-3_600_001, "b")]), append];
  yield ["past", built([record(0, "a"), record(1001, "b"), record(1000, "c")]), { timestampBeforeMaxMs: 1000 }];
  yield ["no timestamps", built([record(NOW_MS + 1, "a"), record(NOW_MS + 1, "b")]), { timestampBeforeMaxMs: 1000 }];
  yield ["negative timestamps", built([record(NOW_MS + 9, "a"), record(NOW_MS + 2, "b")])];
  yield ["wrong max timestamp", altered(built(), (view) => view.setBigInt64(35, 12345n))];
  yield ["keyless, compacted", built(), { compacted: true }];
  yield ["keyed, compacted", built([record(1, "a"), record(0, "")]), { compacted: true }];
  yield [
    "keyless and future, compacted",
    built([record(0, null), record(-9e6, null), record(-9e6, "k")]),
    { compacted: true },
  ];
}

function* compressedCases(): Generator<[string, Uint8Array, Partial<ValidationRules>?]> {
  for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
    const batch = vector(`java-${codec}`);
    yield [codec, batch];
    yield [`${codec}, compacted`, batch, { compacted: true }];
    yield [`${codec}, log append time`, batch, { timestampType: "LogAppendTime" }];
    yield [`${codec}, past`, batch, { timestampBeforeMaxMs: 3, nowMs: NOW_MS + 190 }];
    yield [`${codec}, future`, batch, { nowMs: NOW_MS - 3_600_000 }];
    for (const produceVersion of [3, 6, 7]) yield [`${codec}, version ${produceVersion}`, batch, { produceVersion }];
  }
}

/** Batches that the topic unpacks, whose bytes are the same whoever writes them. */
function* unpackedCases(): Generator<[string, Uint8Array, Partial<ValidationRules>?]> {
  const unpacked = { codec: Codec.NONE };
  for (const name of ["none", "gzip", "snappy", "lz4", "zstd", "lz4-many", "zstd-many"]) {
    const batch = vector(`java-${name}`);
    yield [`${name}, unpacked`, batch, unpacked];
    yield [`${name}, unpacked, log append time`, batch, { ...unpacked, timestampType: "LogAppendTime" }];
    if (name.endsWith("many")) continue;
    yield [`${name}, unpacked, compacted`, batch, { ...unpacked, compacted: true }];
    yield [`${name}, unpacked, future`, batch, { ...unpacked, nowMs: NOW_MS - 3_600_000 }];
    const lying = altered(batch, (view) => view.setBigInt64(35, 12345n));
    yield [`${name}, unpacked, wrong max timestamp`, lying, unpacked];
  }
  const packed = built(SMALL, {
    codec: Codec.LZ4,
    producerId: 7,
    producerEpoch: 2,
    baseSequence: 5,
    transactional: true,
  });
  yield ["of a producer, unpacked", packed, unpacked];
  const large = built([record(0, "k".repeat(5000))], { codec: Codec.SNAPPY });
  yield ["too large once unpacked", large, { ...unpacked, maxMessageBytes: 5000 }];
  for (const at of [61, 70, packed.length - 5]) {
    yield [
      `broken at ${at}, unpacked`,
      altered(packed, (view) => view.setUint8(at, view.getUint8(at) ^ 0x55)),
      unpacked,
    ];
  }
}

/** Every byte of the records of a small batch, with each of a few changes. */
function* alteredRecords(): Generator<[string, Uint8Array, Partial<ValidationRules>?]> {
  const small = built();
  for (let at = 61; at < small.length; at++) {
    for (const change of [0x01, 0x02, 0x80, 0xff]) {
      yield [`byte ${at} ^ ${change}`, altered(small, (view) => view.setUint8(at, view.getUint8(at) ^ change))];
    }
    const cut = small.slice(0, at);
    yield [`cut at ${at}`, altered(cut, (view) => view.setInt32(8, at - 12))];
  }
}

export function verdictCases(): VerdictCase[] {
  const cases = [...headerCases(), ...timestampCases(), ...compressedCases(), ...unpackedCases(), ...alteredRecords()];
  return cases.map(([name, batch, rules]) => ({ name, batch, rules: { ...DEFAULT_RULES, ...rules } }));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const { name, batch, rules } of verdictCases()) {
    const {
      produceVersion,
      compacted,
      timestampType,
      timestampBeforeMaxMs,
      timestampAfterMaxMs,
      nowMs,
      maxMessageBytes,
    } = rules;
    const numbers = [timestampBeforeMaxMs, timestampAfterMaxMs, nowMs, maxMessageBytes];
    const target = rules.codec === Codec.NONE ? "none" : "producer";
    const fields = [
      name,
      Buffer.from(batch).toString("hex"),
      produceVersion,
      compacted,
      timestampType,
      ...numbers,
      target,
    ];
    console.log(fields.join("\t"));
  }
}
