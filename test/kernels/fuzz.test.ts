import { readFileSync } from "node:fs";
import fc from "fast-check";
import * as lz4Wasm from "lz4-wasm/lz4_wasm_bg.js";
import { describe, expect, it } from "vitest";
import type { Decoded } from "#kernels/kernels.ts";
import { referenceKernels as reference } from "#kernels/reference.ts";
import { buildBatch } from "#records/builder.ts";
import { zlibCodecs as codecs } from "#worker/codecs.ts";

import { lz4FrameCase, xerialCase } from "./framed-streams.ts";
import { concat, noise, sameBytes, TEXT } from "./inputs.ts";
import { Kernels, seedWith } from "./native-judge.ts";
import { wasmKernels as wasm } from "./twins.ts";

/** `KEDGE_FUZZ_RUNS=1000000 npx vitest run test/kernels/fuzz` runs longer; a failure prints its seed. */
const RUNS = Number(process.env.KEDGE_FUZZ_RUNS ?? 4000);
const TIMEOUT_MS = 20_000 + RUNS;
const MAX_BYTES = 20_000;

/** Data with runs, repetitions and noise. */
const data = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 60 })).map(([unit, times]) => {
        return concat(...Array.from({ length: times }, () => unit));
      }),
      fc.tuple(fc.nat(TEXT.length - 1), fc.nat(600)).map(([at, length]) => TEXT.subarray(at, at + length)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => concat(...parts).subarray(0, MAX_BYTES));

type Change = (bytes: Uint8Array) => Uint8Array;

/** Ways to damage a stream: bits, bytes, cuts, and pieces moved or doubled. */
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(7)).map(
    ([at, bit]): Change =>
      (b) =>
        b.length === 0 ? b : b.with(at % b.length, b[at % b.length] ^ (1 << bit)),
  ),
  fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x0f, 0x7f, 0x80, 0xf0, 0xff)).map(([at, value]): Change => {
    return (b) => (b.length === 0 ? b : b.with(at % b.length, value));
  }),
  fc.nat().map(
    (at): Change =>
      (b) =>
        b.subarray(0, at % (b.length + 1)),
  ),
  fc.tuple(fc.nat(), fc.nat(64)).map(([at, length]): Change => {
    return (b) => concat(b.subarray(0, at % (b.length + 1)), b.subarray((at % (b.length + 1)) + length));
  }),
  fc.tuple(fc.nat(), fc.nat(64)).map(([at, length]): Change => {
    return (b) => concat(b, b.subarray(at % (b.length + 1), (at % (b.length + 1)) + length));
  }),
  fc.uint8Array({ maxLength: 8 }).map(
    (tail): Change =>
      (b) =>
        concat(b, tail),
  ),
);
/** Every other stream stays sound. */
const changes = fc.oneof(fc.constant([]), fc.array(change, { minLength: 1, maxLength: 4 }));

function damaged(stream: Uint8Array, how: readonly Change[]): Uint8Array {
  return how.reduce((bytes, next) => next(bytes), stream);
}

function sameOutcome(left: Decoded, right: Decoded): boolean {
  if (!left.ok || !right.ok)
    return left.ok === right.ok && (left as { reason: string }).reason === (right as { reason: string }).reason;
  return sameBytes(left.bytes, right.bytes);
}

/** The header checksum of a damaged frame is put right, or hardly any damage would get past it. */
function repairedFrame(bytes: Uint8Array): Uint8Array {
  const length = 7 + (bytes[4] & 8 ? 8 : 0) + (bytes[4] & 1 ? 4 : 0);
  if (bytes.length < length) return bytes;
  return bytes.with(length - 1, (reference.xxhash32(bytes.subarray(4, length - 1)) >>> 8) & 0xff);
}

describe("both twins on arbitrary input", { timeout: TIMEOUT_MS }, () => {
  it("checksum alike", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4000 }), fc.integer(), (bytes, seed) => {
        expect(wasm.crc32c(bytes, seed >>> 0)).toBe(reference.crc32c(bytes, seed >>> 0));
        expect(wasm.xxhash32(bytes, seed >>> 0)).toBe(reference.xxhash32(bytes, seed >>> 0));
      }),
      { numRuns: Math.ceil(RUNS / 8) },
    );
  });

  it("decode what either compressed, and answer damage alike", () => {
    fc.assert(
      fc.property(data, changes, fc.boolean(), fc.nat(MAX_BYTES), (bytes, how, first, maxBytes) => {
        const [from, to] = first ? [reference, wasm] : [wasm, reference];
        const frame = repairedFrame(damaged(from.lz4Compress(bytes), how));
        const snappy = damaged(from.snappyCompress(bytes), how);
        const raw = damaged(from.snappyCompress(bytes).subarray(20), how);
        for (const limit of [maxBytes, MAX_BYTES]) {
          expect(sameOutcome(from.lz4Decompress(frame, limit), to.lz4Decompress(frame, limit))).toBe(true);
          expect(sameOutcome(from.snappyDecompress(snappy, limit), to.snappyDecompress(snappy, limit))).toBe(true);
          expect(sameOutcome(from.snappyDecompress(raw, limit), to.snappyDecompress(raw, limit))).toBe(true);
        }
        if (how.length > 0) return;
        expect(sameOutcome(to.lz4Decompress(frame, bytes.length), { ok: true, bytes })).toBe(true);
        expect(sameOutcome(to.snappyDecompress(snappy, bytes.length), { ok: true, bytes })).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it("walk damaged records alike", () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 200 }));
    const nearMs = fc.integer({ min: 1_700_000_000_000, max: 1_700_000_009_000 });
    const record = fc.record({
      timestampMs: fc.oneof(nearMs, nearMs, fc.constant(-1), fc.integer({ min: -5, max: 2_000_000_000_000 })),
      key: bytes,
      value: bytes,
      headers: fc.oneof(
        fc.constant([]),
        fc.array(fc.record({ key: fc.string({ maxLength: 5 }), value: bytes }), { maxLength: 3 }),
      ),
    });
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 90 }),
        changes,
        fc.integer({ min: -2, max: 2 }),
        fc.constantFrom(1_700_000_000_000, 8193, 8192, 8191, 1, 0, -1, -8193, 2 ** 53, -(2 ** 63)),
        (list, how, off, baseTimestamp) => {
          const batch = buildBatch({ kernels: reference, codecs }, list);
          const records = damaged(batch.subarray(61), how);
          const count = list.length + (how.length > 0 ? off : 0);
          const scan = wasm.scanRecords(records, count, baseTimestamp);
          expect(scan).toEqual(reference.scanRecords(records, count, baseTimestamp));
          if (how.length === 0) expect(scan.fault).toBe(0);
          expect(wasm.scanBatch(batch, 0, batch.length)).toEqual(reference.scanBatch(batch, 0, batch.length));
        },
      ),
      { numRuns: RUNS },
    );
  });
});

describe("frames of every kind", { timeout: TIMEOUT_MS }, () => {
  it.each([
    ["LZ4", "lz4", lz4FrameCase],
    ["xerial", "snappy", xerialCase],
  ] as const)("are opened alike by both twins, with nothing else touched: %s", (_, codec, makeCase) => {
    const seed = Math.ceil(Math.random() * 1e6);
    seedWith(seed);
    const kernels = new Kernels();
    for (let run = 0; run < RUNS; run++) {
      const { stream, room } = makeCase(kernels);
      const ours = kernels.open(codec, stream, room);
      const twin = codec === "lz4" ? reference.lz4Decompress(stream, room) : reference.snappyDecompress(stream, room);
      const outcome = twin.ok ? [twin.bytes.length, kernels.crcAt(ours.from, ours.written)] : [-1, 0];
      expect([seed, run, ours.written, ours.crc]).toEqual([seed, run, ...outcome]);
      if (twin.ok && twin.bytes.length > 0) expect(reference.crc32c(twin.bytes)).toBe(ours.crc);
    }
  });
});

describe("the LZ4 kernel beside lz4-wasm", { timeout: TIMEOUT_MS }, () => {
  /** lz4-wasm speaks bare blocks behind their decoded size; a frame with blocks of up to 4 MB can hold one. */
  function frameOf(block: Uint8Array): Uint8Array {
    const size = Uint8Array.of(block.length, block.length >>> 8, block.length >>> 16, 0);
    return repairedFrame(concat(Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0), size, block, new Uint8Array(4)));
  }

  function theirs(block: Uint8Array, size: number): Uint8Array | null {
    try {
      return lz4Wasm.decompress(concat(Uint8Array.of(size, size >>> 8, size >>> 16, 0), block));
    } catch {
      return null;
    }
  }

  it("decodes its blocks, and what it accepts of damaged ones, to the same bytes", () => {
    fc.assert(
      fc.property(data, changes, (bytes, how) => {
        const block = damaged(lz4Wasm.compress(bytes).subarray(4), how);
        const expected = theirs(block, bytes.length);
        const decoded = wasm.lz4Decompress(frameOf(block), bytes.length);
        if (how.length === 0) expect(expected !== null && sameBytes(expected, bytes)).toBe(true);
        // A block of no bytes is an end mark in a frame; and theirs takes offsets of 0, which the format forbids.
        if (expected === null || block.length === 0 || !decoded.ok) return;
        expect(sameBytes(decoded.bytes, expected)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it("makes blocks that it decodes", () => {
    fc.assert(
      fc.property(data, (bytes) => {
        const frame = wasm.lz4Compress(bytes);
        const view = new DataView(frame.buffer);
        const field = bytes.length === 0 ? 0 : view.getUint32(7, true);
        if (field === 0 || field >= 0x80000000) return;
        const decoded = theirs(frame.subarray(11, 11 + field), bytes.length);
        expect(decoded !== null && sameBytes(decoded, bytes)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("the memory of the WASM kernels", { timeout: TIMEOUT_MS }, () => {
  interface Raw {
    readonly memory: WebAssembly.Memory;
    arenaStart(): number;
    lz4Measure(from: number, length: number, maxBytes: number): number;
    lz4Decompress(from: number, to: number, room: number, maxBytes: number): number;
    snappyMeasure(from: number, length: number, maxBytes: number): number;
    snappyDecompress(from: number, length: number, to: number, total: number): number;
  }
  const path = new URL("../../build/kernels.wasm", import.meta.url);
  const raw = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path))).exports as unknown as Raw;
  const SLACK = 64;
  const PAGE = 65_536;
  const start = Math.ceil(raw.arenaStart() / PAGE) * PAGE;
  raw.memory.grow(start / PAGE + 4 - raw.memory.buffer.byteLength / PAGE);
  const memory = new Uint8Array(raw.memory.buffer);
  const canary = noise(memory.length - start, 99);

  /** Decodes with canaries all around and sees that only the output and its slack have changed. */
  function isContained(stream: Uint8Array, maxBytes: number, codec: "lz4" | "snappy"): boolean {
    memory.set(canary, start);
    const from = start + 1000;
    const to = from + stream.length + SLACK + 1000;
    memory.set(stream, from);
    const before = memory.slice(start);
    const room =
      codec === "lz4"
        ? raw.lz4Measure(from, stream.length, maxBytes)
        : raw.snappyMeasure(from, stream.length, maxBytes);
    if (room > maxBytes) return false;
    if (room >= 0) {
      const length =
        codec === "lz4"
          ? raw.lz4Decompress(from, to, room, maxBytes)
          : raw.snappyDecompress(from, stream.length, to, room);
      if (length > room) return false;
      before.set(memory.subarray(to, to + room + SLACK), to - start);
    }
    return Buffer.compare(before, memory.subarray(start)) === 0;
  }

  it("is touched only where a decoder was told to write", () => {
    fc.assert(
      fc.property(data, changes, fc.nat(MAX_BYTES), (bytes, how, maxBytes) => {
        expect(isContained(repairedFrame(damaged(wasm.lz4Compress(bytes), how)), maxBytes, "lz4")).toBe(true);
        expect(isContained(damaged(wasm.snappyCompress(bytes), how), maxBytes, "snappy")).toBe(true);
      }),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });
});
