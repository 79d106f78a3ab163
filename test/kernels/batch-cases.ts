/** The cases of the kernels that make and walk whole batches. */
import { expect, it } from "vitest";
import type { BatchDraft, Kernels, Repacking } from "#kernels/kernels.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { ascii, concat, noise, sameBytes, slowCrc32c, TEXT } from "./inputs.ts";

export function batchCases(kernels: Kernels): void {
  sealCases(kernels);
  repackCases(kernels);
  indexCases(kernels);
}

/** A batch whose header is filled with a byte, as a draft would write it. */
function draftOf(records: Uint8Array, packing: BatchDraft["packing"]): BatchDraft {
  return {
    roomBytes: 61 + records.length + 40,
    packing,
    write(target, at) {
      target.fill(0x5a, at, at + 61);
      target.set(records, at + 61);
      return at + 61 + records.length;
    },
  };
}

function sealCases(kernels: Kernels): void {
  it("seals a batch with its length, its CRC and its records packed", () => {
    for (const records of [ascii("a few records"), TEXT.subarray(0, 3000), noise(12_500), noise(70_000), TEXT]) {
      for (const packing of ["none", "lz4", "snappy"] as const) {
        const batch = kernels.sealBatch(draftOf(records, packing));
        const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
        expect([view.getInt32(8), view.getUint32(17)]).toEqual([batch.length - 12, slowCrc32c(batch.subarray(21))]);
        expect(batch.subarray(21, 61).every((byte) => byte === 0x5a)).toBe(true);
        const packed = batch.subarray(61);
        const opened =
          packing === "lz4"
            ? kernels.lz4Decompress(packed, records.length)
            : packing === "snappy"
              ? kernels.snappyDecompress(packed, records.length)
              : { ok: true as const, bytes: packed };
        expect(opened.ok && sameBytes(opened.bytes, records)).toBe(true);
      }
    }
  });

  it("lets another codec pack the records, and gives its room back when a draft fails", () => {
    const reversed = (bytes: Uint8Array) => bytes.toReversed();
    const batch = kernels.sealBatch(draftOf(ascii("abc"), reversed));
    expect(batch.subarray(61)).toEqual(ascii("cba"));
    expect(new DataView(batch.buffer).getUint32(17)).toBe(slowCrc32c(batch.subarray(21)));
    const failing = (): never => {
      throw new Error("no codec");
    };
    for (let time = 0; time < 100; time++) {
      expect(() => kernels.sealBatch(draftOf(new Uint8Array(1_000_000), failing))).toThrow("no codec");
    }
    expect(kernels.sealBatch(draftOf(ascii("abc"), "none")).length).toBe(64);
  });
}

const CODES = { none: 0, snappy: 2, lz4: 3 } as const;
type Kernel = keyof typeof CODES;

/** A record with null key, of one value, its length in one or two bytes. */
function recordOf(index: number, timestampDelta: number, value: Uint8Array): Uint8Array {
  const varint = (number: number) => {
    const zigzag = number * 2;
    return zigzag < 128 ? [zigzag] : [(zigzag & 127) | 128, zigzag >> 7];
  };
  const body = [0, ...varint(timestampDelta), ...varint(index), 1, ...varint(value.length), ...value, 0];
  return Uint8Array.from([...varint(body.length), ...body]);
}

const VALUES = Array.from({ length: 60 }, (_, index) => TEXT.subarray(index * 50, index * 50 + 20 * (index % 9)));
const RECORDS = concat(...VALUES.map((value, index) => recordOf(index, (index * 7) % 50, value)));

function batchOf(kernels: Kernels, codec: Kernel, baseOffset = 0): Uint8Array {
  return kernels.sealBatch({
    roomBytes: 61 + RECORDS.length,
    packing: codec,
    write(target, at) {
      const view = new DataView(target.buffer, target.byteOffset + at, 61);
      target.fill(0, at, at + 61);
      view.setBigInt64(0, BigInt(baseOffset));
      view.setInt8(16, 2);
      view.setInt16(21, 0x10 | CODES[codec]);
      view.setInt32(23, VALUES.length - 1);
      view.setBigInt64(27, 1000n);
      view.setBigInt64(35, 1049n);
      view.setBigInt64(43, 77n);
      view.setInt32(57, VALUES.length);
      target.set(RECORDS, at + 61);
      return at + 61 + RECORDS.length;
    },
  });
}

function how(packing: Repacking["packing"], attributes: number, rest: Partial<Repacking> = {}): Repacking {
  return { opened: null, packing, attributes, maxBytes: 1 << 20, stamp: (scan) => scan.maxTimestamp + 5, ...rest };
}

function repackCases(kernels: Kernels): void {
  const codecs = Object.keys(CODES) as Kernel[];

  it("packs the records of a batch otherwise and stamps it, the rest of its header being what it was", () => {
    for (const from of codecs) {
      for (const to of codecs) {
        const batch = batchOf(kernels, from);
        const repacked = kernels.repackBatch(batch, how(to, 0x18 | CODES[to]));
        if (!repacked.ok || repacked.bytes === null) throw new Error(`${from} to ${to}`);
        expect(repacked.scan).toMatchObject({ fault: 0, recordCount: 60, keylessCount: 60, maxTimestamp: 1049 });
        const { bytes } = repacked;
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        expect([view.getInt32(8), view.getInt16(21)]).toEqual([bytes.length - 12, 0x18 | CODES[to]]);
        expect([view.getBigInt64(27), view.getBigInt64(35), view.getBigInt64(43)]).toEqual([1000n, 1054n, 77n]);
        expect(view.getUint32(17)).toBe(slowCrc32c(bytes.subarray(21)));
        const plain = kernels.repackBatch(bytes, how("none", 0x10, { stamp: () => 1049 }));
        expect(plain.ok && plain.bytes && sameBytes(plain.bytes, batchOf(kernels, "none"))).toBe(true);
      }
    }
  });

  it("takes records that another codec opened, and lets another codec pack them", () => {
    const batch = batchOf(kernels, "none");
    const closed = concat(batch.subarray(0, 61), ascii("only its own codec can read this"));
    const repacked = kernels.repackBatch(
      closed,
      how((bytes) => bytes.toReversed(), 0x11, { opened: RECORDS }),
    );
    expect(repacked.ok && repacked.bytes && sameBytes(repacked.bytes.subarray(61), RECORDS.toReversed())).toBe(true);
  });

  it("makes no batch of records that are broken, not wanted or too many", () => {
    const batch = batchOf(kernels, "lz4");
    expect(kernels.repackBatch(batch, how("snappy", 2, { stamp: () => null }))).toMatchObject({
      ok: true,
      bytes: null,
    });
    const lying = batch.with(60, 59);
    expect(kernels.repackBatch(lying, how("snappy", 2))).toMatchObject({ ok: true, scan: { fault: 5 }, bytes: null });
    expect(kernels.repackBatch(batch, how("none", 0, { maxBytes: RECORDS.length - 1 }))).toEqual({
      ok: false,
      reason: "too-large",
    });
    expect(kernels.repackBatch(batch.subarray(0, batch.length - 1), how("none", 0))).toEqual({
      ok: false,
      reason: "corrupt",
    });
  });
}

function indexCases(kernels: Kernels): void {
  const newWalk = () => ({
    ...{ baseOffset: 500, intervalBytes: 3000, verifies: true, position: 0, batchAt: 0, batchBytesLeft: 0 },
    ...{ batchLastOffset: 0, batchMaxTimestamp: 0, batchCrc: 0, crc: 0, indexedAt: 0, timeEntryMs: -1 },
    ...{ maxTimestamp: -1, offsetOfMaxTimestamp: 500, nextOffset: 500, batchCount: 0 },
  });

  it("indexes the batches of a segment, like the other twin, and finds its way in the index", () => {
    const batches = ["none", "lz4", "snappy", "none", "lz4"] as const;
    const segment = concat(...batches.map((codec, index) => batchOf(kernels, codec, 500 + 60 * index)));
    for (const cut of [segment.length, 1000, 100]) {
      const walks = [newWalk(), newWalk()];
      const [ours, theirs] = [kernels, referenceKernels].map((twin, index) => {
        const chunks = [];
        for (let at = 0; at < segment.length; at = walks[index].position) {
          chunks.push(twin.indexBatches(walks[index], segment.subarray(at, at + cut)));
        }
        return chunks;
      });
      expect(walks[0]).toEqual(walks[1]);
      expect(ours).toEqual(theirs);
      expect(walks[0]).toMatchObject({ batchAt: segment.length, batchCount: 5, nextOffset: 800, maxTimestamp: 1049 });
      const index = concat(...ours.map((chunk) => chunk.offsetEntries));
      expect(index.length).toBe(3 * 8);
      const view = new DataView(index.buffer);
      for (let entry = 0; entry < index.length; entry += 8) {
        const offset = view.getInt32(entry);
        expect(kernels.searchOffsetIndex(index, offset)).toBe(view.getInt32(entry + 4));
        expect(kernels.searchOffsetIndex(index, offset - 1)).toBe(entry === 0 ? 0 : view.getInt32(entry - 4));
      }
    }
  });
}
