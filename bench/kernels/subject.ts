/** Who is measured and on what: the same lists in workerd, in Node and for native code. */
import { stampBatch } from "#records/batch.ts";
import type { NewRecord } from "#records/record.ts";
import { type Content, input, records } from "./inputs.ts";

export interface Codec {
  compress(bytes: Uint8Array): Uint8Array;
  /** `size` is what the output has; some peers need to know. */
  decompress(packed: Uint8Array, size: number): unknown;
}

/** Somebody's kernels, as a JavaScript user calls them: bytes in, a fresh array out. What it has not is missing. */
export interface Subject {
  readonly name: string;
  readonly crc32c?: (bytes: Uint8Array) => unknown;
  readonly lz4?: Codec;
  readonly snappy?: Codec;
  /** Checks or reads one record batch, whatever the subject has for that. */
  readonly validate?: (batch: Uint8Array) => unknown;
  /** Makes one from objects of the subject's own kind, which `prepare` makes beforehand. */
  readonly segment?: SegmentSubject;
  readonly encode?: { prepare(list: readonly NewRecord[]): unknown; run(prepared: unknown): unknown };
}

/** What a segment of a log needs, of ours only. */
export interface SegmentSubject {
  /** Makes both indexes. */
  build(segment: Uint8Array, verifies: boolean): { readonly offsetIndex: Uint8Array };
  search(offsetIndex: Uint8Array, offset: number): unknown;
  /** Gives a batch the time and type of a log that stamps. */
  restamp(batch: Uint8Array): unknown;
  /** LZ4 to Snappy. */
  recompress(batch: Uint8Array): unknown;
}

/** One thing measured of one subject. */
export interface Bench {
  readonly subject: string;
  /** `lz4 compress JSON 64 KB` */
  readonly name: string;
  readonly unit: "MB/s" | "M records/s" | "M/s" | "a millisecond";
  /** Bytes or records that one turn works on; a million units make one of the figure. */
  readonly amount: number;
  run(turns: number): unknown;
}

export const CRC_SIZES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
export const CODEC_SIZES = [1024, 16_384, 65_536, 1_048_576];
export const CONTENTS: readonly Content[] = ["JSON", "text", "random"];
/** Value bytes → bytes of the batch. */
export const BATCHES: ReadonlyMap<number, number> = new Map([
  [100, 100_000],
  [1000, 500_000],
]);

export function sizeName(bytes: number): string {
  if (bytes >= 1_048_576) return `${bytes / 1_048_576} MB`;
  return bytes >= 1024 ? `${bytes / 1024} KB` : `${bytes} B`;
}

export function batchName(operation: "validate" | "encode", valueBytes: number): string {
  return `batch ${operation} ${valueBytes} B values`;
}

/** All that can be measured of a subject. `batchOf` builds the batches that are to be validated. */
export function benchesOf(subject: Subject, batchOf: (list: NewRecord[]) => Uint8Array): Bench[] {
  return [
    ...crcBenches(subject),
    ...codecBenches(subject.name, "lz4", subject.lz4),
    ...codecBenches(subject.name, "snappy", subject.snappy),
    ...batchBenches(subject, batchOf),
    ...segmentBenches(subject, batchOf),
  ];
}

function crcBenches({ name: subject, crc32c }: Subject): Bench[] {
  if (crc32c === undefined) return [];
  return CRC_SIZES.map((bytes) => {
    const data = input("JSON", bytes);
    return bench(subject, `crc32c ${sizeName(bytes)}`, bytes, () => crc32c(data));
  });
}

function codecBenches(subject: string, kind: string, codec: Codec | undefined): Bench[] {
  if (codec === undefined) return [];
  return CONTENTS.flatMap((content) =>
    CODEC_SIZES.flatMap((bytes) => {
      const data = input(content, bytes);
      const packed = codec.compress(data);
      const name = `${content} ${sizeName(bytes)}`;
      return [
        bench(subject, `${kind} compress ${name}`, bytes, () => codec.compress(data)),
        bench(subject, `${kind} decompress ${name}`, bytes, () => codec.decompress(packed, bytes)),
      ];
    }),
  );
}

function batchBenches(subject: Subject, batchOf: (list: NewRecord[]) => Uint8Array): Bench[] {
  return [...BATCHES].flatMap(([valueBytes, batchBytes]) => {
    const list = records(valueBytes, batchBytes);
    const { validate, encode } = subject;
    const found: Bench[] = [];
    const add = (operation: "validate" | "encode", run: () => unknown) => {
      const name = batchName(operation, valueBytes);
      found.push({ ...bench(subject.name, name, list.length, run), unit: "M records/s" });
    };
    if (validate !== undefined) {
      const batch = batchOf(list);
      add("validate", () => validate(batch));
    }
    if (encode !== undefined) {
      const prepared = encode.prepare(list);
      add("encode", () => encode.run(prepared));
    }
    return found;
  });
}

/** A segment of a megabyte in batches of two sizes, its index, and a batch of 16 KB. */
function segmentBenches(
  { name: subject, segment: work }: Subject,
  batchOf: (list: NewRecord[]) => Uint8Array,
): Bench[] {
  if (work === undefined) return [];
  const found: Bench[] = [];
  for (const batchBytes of [1024, 16_384]) {
    const list = records(100, batchBytes);
    const segment = segmentOf(batchOf(list), list.length);
    const of = `${sizeName(batchBytes)} batches`;
    found.push(bench(subject, `index build ${of}`, segment.length, () => work.build(segment, false)));
    found.push(bench(subject, `index build and CRC ${of}`, segment.length, () => work.build(segment, true)));
  }
  const batch = batchOf(records(100, 16_384));
  found.push(bench(subject, "batch restamp 16 KB", batch.length, () => work.restamp(batch)));
  found.push(bench(subject, "batch recompress 16 KB", batch.length, () => work.recompress(batch)));
  for (const entries of [256, 16_384]) {
    const { index, searches } = searchInput(entries);
    const turn = () => {
      for (const offset of searches) work.search(index, offset);
    };
    found.push({ ...bench(subject, `index search ${entries} entries`, searches.length, turn), unit: "M/s" });
  }
  return found;
}

function segmentOf(batch: Uint8Array, recordCount: number): Uint8Array {
  const count = Math.floor(1_048_576 / batch.length);
  const segment = new Uint8Array(count * batch.length);
  for (let index = 0; index < count; index++) {
    segment.set(batch, index * batch.length);
    stampBatch(segment, index * batch.length, index * recordCount, 0);
  }
  return segment;
}

function searchInput(entries: number): { index: Uint8Array; searches: number[] } {
  const view = new DataView(new ArrayBuffer(entries * 8));
  for (let entry = 0; entry < entries; entry++) {
    view.setInt32(entry * 8, entry * 50);
    view.setInt32(entry * 8 + 4, entry * 4500);
  }
  const searches = Array.from({ length: 1000 }, (_, turn) => (turn * 7_919_317) % (entries * 50));
  return { index: new Uint8Array(view.buffer), searches };
}

function bench(subject: string, name: string, amount: number, turn: () => unknown): Bench {
  const run = (turns: number): unknown => {
    let last: unknown;
    for (let index = 0; index < turns; index++) last = turn();
    return last;
  };
  return { subject, name, unit: "MB/s", amount, run };
}
