/** Our kernels as subjects: with the copies in and out of WASM memory, without them, and their twin in plain TypeScript. */
import type { Kernels, RecordScan } from "#kernels/kernels.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { createWasmKernels } from "#kernels/wasm.ts";
import type { Codecs } from "#ports/codecs.ts";
import { Codec, stampLogAppendTime } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import type { NewRecord } from "#records/record.ts";
import { SegmentIndexer } from "#records/segment-index.ts";
import { input } from "./inputs.ts";
import {
  type Bench,
  benchesOf,
  CODEC_SIZES,
  CONTENTS,
  CRC_SIZES,
  type SegmentSubject,
  type Subject,
  sizeName,
} from "./subject.ts";

const NO_CODECS = {} as Codecs;
const MAX_BYTES = 4 * 1024 * 1024;
const SLACK_BYTES = 64;

/** Every bench of ours, in whatever runtime this runs. `module` is the compiled build/kernels.wasm. */
export function ourBenches(module: object): Bench[] {
  return [
    ...benchesOf(subjectOf("Kedge", createWasmKernels(module)), referenceBatch),
    ...benchesOf(subjectOf("Kedge's TypeScript twin", referenceKernels), referenceBatch),
    ...inPlaceBenches(module),
  ];
}

/** How many times a millisecond the kernels could be made ready. In Node each memory reserves gigabytes of addresses. */
export function instantiationBench(module: object): Bench {
  const run = (turns: number): unknown => {
    let last: unknown;
    for (let index = 0; index < turns; index++) last = createWasmKernels(module);
    return last;
  };
  return { subject: "Kedge", name: "instantiate all kernels", unit: "a millisecond", amount: 1000, run };
}

export function referenceBatch(list: readonly NewRecord[]): Uint8Array {
  return buildBatch({ kernels: referenceKernels, codecs: NO_CODECS }, list);
}

function subjectOf(name: string, kernels: Kernels): Subject {
  return {
    name,
    crc32c: (bytes) => kernels.crc32c(bytes),
    lz4: {
      compress: (bytes) => kernels.lz4Compress(bytes),
      decompress: (packed) => kernels.lz4Decompress(packed, MAX_BYTES),
    },
    snappy: {
      compress: (bytes) => kernels.snappyCompress(bytes),
      decompress: (packed) => kernels.snappyDecompress(packed, MAX_BYTES),
    },
    validate: (batch) => kernels.scanBatch(batch, 0, batch.length),
    segment: segmentSubject(kernels),
    encode: {
      prepare: (list) => list,
      run: (prepared) => buildBatch({ kernels, codecs: NO_CODECS }, prepared as readonly NewRecord[]),
    },
  };
}

function segmentSubject(kernels: Kernels): SegmentSubject {
  let packed: { readonly of: Uint8Array; readonly batch: Uint8Array } | undefined;
  const stamp = ({ maxTimestamp }: RecordScan) => maxTimestamp;
  return {
    build(segment, verifies) {
      const indexer = new SegmentIndexer(kernels, { baseOffset: 0, verifies });
      indexer.add(segment);
      return indexer.finish();
    },
    search: (offsetIndex, offset) => kernels.searchOffsetIndex(offsetIndex, offset),
    restamp: (batch) => stampLogAppendTime(kernels, batch, 0, 1_700_000_000_000),
    recompress(batch) {
      if (packed?.of !== batch) {
        const how = { opened: null, packing: "lz4", attributes: Codec.LZ4, maxBytes: MAX_BYTES, stamp } as const;
        const made = referenceKernels.repackBatch(batch, how);
        if (!made.ok || made.bytes === null) throw new Error("a batch that can't be packed");
        packed = { of: batch, batch: made.bytes };
      }
      const how = { opened: null, packing: "snappy", attributes: Codec.SNAPPY, maxBytes: MAX_BYTES, stamp } as const;
      return kernels.repackBatch(packed.batch, how);
    },
  };
}

/** The exports of the module that work on bytes which are in its memory already. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  arenaStart(): number;
  crc32c(seed: number, from: number, length: number): number;
  crc32cSpending(seed: number, from: number, length: number): number;
  lz4Compress(from: number, length: number, to: number): number;
  lz4Measure(from: number, length: number, maxBytes: number): number;
  lz4Decompress(from: number, to: number, room: number, maxBytes: number): number;
  snappyCompress(from: number, length: number, to: number): number;
  snappyMeasure(from: number, length: number, maxBytes: number): number;
  snappyDecompress(from: number, length: number, to: number, total: number): number;
}

class InPlace {
  readonly exports: Exports;
  private readonly start: number;

  constructor(module: object) {
    this.exports = new WebAssembly.Instance(module as WebAssembly.Module).exports as unknown as Exports;
    this.start = (this.exports.arenaStart() + 127) & ~63;
    this.exports.memory.grow(Math.ceil((3 * MAX_BYTES) / 65_536));
  }

  /** Lays `bytes` into the memory and says where, and where the output may go. */
  put(bytes: Uint8Array): { from: number; to: number } {
    new Uint8Array(this.exports.memory.buffer).set(bytes, this.start);
    return { from: this.start, to: (this.start + bytes.length + 2 * SLACK_BYTES) & ~63 };
  }

  /** What `compress` makes of `data`. */
  packed(data: Uint8Array, compress: (from: number, length: number, to: number) => number): Uint8Array {
    const { from, to } = this.put(data);
    const length = compress(from, data.length, to);
    return new Uint8Array(this.exports.memory.buffer).slice(to, to + length);
  }
}

const SUBJECT = "Kedge in place";

function inPlaceBenches(module: object): Bench[] {
  const place = new InPlace(module);
  const wasm = place.exports;
  const found: Bench[] = [];
  for (const bytes of CRC_SIZES) {
    const data = input("JSON", bytes);
    const name = `crc32c ${sizeName(bytes)}`;
    found.push(inPlace(name, bytes, place, { data, turn: (at) => wasm.crc32cSpending(0, at.from, bytes) }));
    const kept = inPlace(name, bytes, place, { data, turn: (at) => wasm.crc32c(0, at.from, bytes) });
    found.push({ ...kept, subject: `${SUBJECT}, message kept` });
  }
  for (const content of CONTENTS) {
    for (const bytes of CODEC_SIZES)
      found.push(...codecsInPlace(place, `${content} ${sizeName(bytes)}`, input(content, bytes)));
  }
  return found;
}

type Place = ReturnType<InPlace["put"]>;

function codecsInPlace(place: InPlace, name: string, data: Uint8Array): Bench[] {
  const wasm = place.exports;
  const bytes = data.length;
  const lz4 = place.packed(data, wasm.lz4Compress);
  const snappy = place.packed(data, wasm.snappyCompress);
  const openLz4 = ({ from, to }: Place) => {
    return wasm.lz4Decompress(from, to, wasm.lz4Measure(from, lz4.length, MAX_BYTES), MAX_BYTES);
  };
  const openSnappy = ({ from, to }: Place) => {
    return wasm.snappyDecompress(from, snappy.length, to, wasm.snappyMeasure(from, snappy.length, MAX_BYTES));
  };
  return [
    inPlace(`lz4 compress ${name}`, bytes, place, { data, turn: (at) => wasm.lz4Compress(at.from, bytes, at.to) }),
    inPlace(`lz4 decompress ${name}`, bytes, place, { data: lz4, turn: openLz4 }),
    inPlace(`snappy compress ${name}`, bytes, place, {
      data,
      turn: (at) => wasm.snappyCompress(at.from, bytes, at.to),
    }),
    inPlace(`snappy decompress ${name}`, bytes, place, { data: snappy, turn: openSnappy }),
  ];
}

interface Turn {
  readonly data: Uint8Array;
  turn(at: Place): number;
}

function inPlace(name: string, amount: number, place: InPlace, { data, turn }: Turn): Bench {
  const run = (turns: number): unknown => {
    const at = place.put(data);
    let last = 0;
    for (let index = 0; index < turns; index++) last = turn(at);
    if (last < 0 && !name.startsWith("crc")) throw new Error(`${name}: ${last}`);
    return last;
  };
  return { subject: SUBJECT, name, unit: "MB/s", amount, run };
}
