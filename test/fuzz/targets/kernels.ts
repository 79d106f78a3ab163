import { type Decoded, type Kernels, type RecordScan, ScanFault } from "#kernels/kernels.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { wasmKernels } from "../../kernels/twins.ts";
import type { FuzzTarget } from "../fuzzer.ts";

const MAX_OUTPUT_BYTES = 1 << 20;
const SAMPLES = ["", "a", "abcabcabcabcabcabcabcabc", "The same, the same, and something else.", "x".repeat(300)];
const SAMPLE_BYTES = SAMPLES.map((sample) => Uint8Array.from(Buffer.from(sample)));

/** LZ4's frame flags stand behind its magic. */
const FLAGS_AT = 4;
const HAS_SIZE = 0x08;
const HAS_DICTIONARY = 0x01;

/** One stream in, the same bytes or the same refusal from both twins. */
function decoderTarget(
  name: string,
  decode: (kernels: Kernels, bytes: Uint8Array) => Decoded,
  more: Pick<FuzzTarget, "seeds" | "words"> & { mend?: (bytes: Uint8Array) => void },
): FuzzTarget {
  return {
    name,
    maxBytes: 400,
    seeds: more.seeds,
    words: more.words,
    run: (input) => {
      // Most changes would fail at a checksum of the header and go no further: the first byte says whether it is put right.
      const bytes = input.slice(1);
      if ((input[0] ?? 0) % 2 === 0) more.mend?.(bytes);
      const one = decode(referenceKernels, bytes);
      const other = decode(wasmKernels, bytes);
      if (one.ok !== other.ok) throw new Error(`${name}: one twin reads it, the other doesn't`);
      if (!one.ok || !other.ok) {
        const [reason, otherReason] = [one, other].map((outcome) => (outcome.ok ? "" : outcome.reason));
        if (reason !== otherReason) throw new Error(`${name}: refused as ${reason} and as ${otherReason}`);
        return reason;
      }
      if (Buffer.compare(one.bytes, other.bytes) !== 0) throw new Error(`${name}: the twins read different bytes`);
      if (one.bytes.length > MAX_OUTPUT_BYTES) throw new Error(`${name}: more than the limit came out`);
      return `read ${Math.min(one.bytes.length, 4)}`;
    },
  };
}

function mendLz4Header(bytes: Uint8Array): void {
  const flags = bytes[FLAGS_AT] ?? 0;
  const end = FLAGS_AT + 2 + (flags & HAS_SIZE ? 8 : 0) + (flags & HAS_DICTIONARY ? 4 : 0);
  if (end < bytes.length) bytes[end] = (referenceKernels.xxhash32(bytes.subarray(FLAGS_AT, end)) >>> 8) & 0xff;
}

const seeded = (compress: (bytes: Uint8Array) => Uint8Array) => () =>
  SAMPLE_BYTES.map((sample) => Uint8Array.from([0, ...compress(sample)]));

/** A frame of one block with every option: its size, checksums of block and content, linked blocks. */
function fullLz4Frame(): Uint8Array {
  const content = SAMPLE_BYTES[3];
  const head = Buffer.from("04224d185c40000000000000000000", "hex");
  head.writeUInt32LE(content.length, 6);
  const word = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  const sum = word(referenceKernels.xxhash32(content));
  const frame = Buffer.concat([head, word((content.length | 0x80000000) >>> 0), content, sum, word(0), sum]);
  return Uint8Array.from([0, ...frame]);
}

export const lz4Target = decoderTarget("lz4", (kernels, bytes) => kernels.lz4Decompress(bytes, MAX_OUTPUT_BYTES), {
  seeds: () => [...seeded((sample) => referenceKernels.lz4Compress(sample))(), fullLz4Frame()],
  words: ["04224d18", "00000000", "01000080", "ff", "0f"].map((hex) => Uint8Array.from(Buffer.from(hex, "hex"))),
  mend: mendLz4Header,
});

export const snappyTarget = decoderTarget(
  "snappy",
  (kernels, bytes) => kernels.snappyDecompress(bytes, MAX_OUTPUT_BYTES),
  {
    seeds: () => [
      ...seeded((sample) => referenceKernels.snappyCompress(sample))(),
      // A raw block, without the framing: five literal bytes and a copy of them.
      Uint8Array.from([0, 9, 0x10, 1, 2, 3, 4, 5, 0x01, 0x05]),
    ],
    words: ["82534e4150505900", "00000001", "fc", "f8ff", "0100"].map((hex) =>
      Uint8Array.from(Buffer.from(hex, "hex")),
    ),
  },
);

const HEAD_BYTES = 3;

/** Bare records, as a decompressed batch holds them; the first bytes say how many there are to be. */
export const recordScanTarget: FuzzTarget = {
  name: "record-scan",
  maxBytes: 300,
  seeds: () => [
    // One record with a key, a value and a header; then two with neither.
    Uint8Array.from(Buffer.from("00010018000000026b02760202680276", "hex")),
    Uint8Array.from(Buffer.from("0002000c00000001010000000c0002020101000000", "hex")),
  ],
  run: (input) => {
    if (input.length < HEAD_BYTES) return "short";
    const recordCount = ((input[0] << 8) | input[1]) - (input[2] & 1 ? 0x8000 : 0);
    const records = input.slice(HEAD_BYTES);
    const baseTimestamp = input[2] & 2 ? Number.MAX_SAFE_INTEGER : 1_700_000_000_000;
    const [one, other] = [referenceKernels, wasmKernels].map((kernels) =>
      kernels.scanRecords(records, recordCount, baseTimestamp),
    );
    const shown = (scan: RecordScan) => Object.values(scan).join(" ");
    if (shown(one) !== shown(other)) throw new Error(`the twins scan ${shown(one)} and ${shown(other)}`);
    return `${one.fault} ${one.fault === ScanFault.NONE ? Math.min(one.recordCount, 3) : ""}`;
  },
};
