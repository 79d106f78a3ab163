import { MalformedMessageError } from "#bytes/malformed.ts";
import type { Kernels } from "#kernels/kernels.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { BATCH_HEADER_BYTES, peekBatch, stampCrc } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { forEachTimestamp, openBatch, readBatches, readRecords } from "#records/reader.ts";
import { validateBatch } from "#records/validate.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import { wasmKernels } from "../../kernels/twins.ts";
import type { FuzzTarget } from "../fuzzer.ts";

const compressionOf = (kernels: Kernels) => ({ kernels, codecs: zlibCodecs });
const compression = compressionOf(referenceKernels);
const NOW_MS = 1_700_000_000_000;
const MAX_OUTPUT_BYTES = 1 << 20;
const LENGTH_AT = 8;
const LOG_OVERHEAD_BYTES = 12;

const batches = [0, 1, 2, 3, 4].map((codec) =>
  buildBatch(
    compression,
    [
      { timestampMs: NOW_MS, key: null, value: Buffer.from("value"), headers: [] },
      { timestampMs: NOW_MS + 5, key: Buffer.from("k"), value: null, headers: [{ key: "h", value: Buffer.from("v") }] },
    ],
    { codec: codec as 0 | 1 | 2 | 3 | 4, producerId: 7, producerEpoch: 0, baseSequence: 3 },
  ),
);

const Mend = { LENGTH: 1, CRC: 2, LOG_APPEND_TIME: 4, COMPACTED: 8, BOUNDED: 16, OLD_VERSION: 32 } as const;

function mended(input: Uint8Array): { readonly flags: number; readonly bytes: Uint8Array } {
  const flags = input[0] ?? 0;
  const bytes = input.slice(1);
  if (flags & Mend.LENGTH && bytes.length >= BATCH_HEADER_BYTES) {
    new DataView(bytes.buffer).setInt32(LENGTH_AT, bytes.length - LOG_OVERHEAD_BYTES);
  }
  const first = peekBatch(bytes, 0, bytes.length);
  if (flags & Mend.CRC && first.kind === "batch" && first.sizeInBytes >= BATCH_HEADER_BYTES) {
    stampCrc(referenceKernels, bytes, 0);
  }
  return { flags, bytes };
}

const seeds = () =>
  batches.flatMap((batch) =>
    [0, Mend.LENGTH | Mend.CRC | Mend.COMPACTED].map((flags) => Uint8Array.from([flags, ...batch])),
  );

/** What a producer sends for one partition: both twins must judge it alike, and what is accepted must be readable. */
export const producedBatchTarget: FuzzTarget = {
  name: "produced-batch",
  maxBytes: 500,
  seeds,
  run: (input) => {
    const { flags, bytes } = mended(input);
    const [one, other] = [referenceKernels, wasmKernels].map((kernels) =>
      validateBatch(compressionOf(kernels), bytes, {
        produceVersion: flags & Mend.OLD_VERSION ? 3 : 13,
        maxMessageBytes: 400,
        timestampType: flags & Mend.LOG_APPEND_TIME ? "LogAppendTime" : "CreateTime",
        compacted: (flags & Mend.COMPACTED) !== 0,
        nowMs: NOW_MS,
        timestampBeforeMaxMs: flags & Mend.BOUNDED ? 60_000 : Number.MAX_SAFE_INTEGER,
        timestampAfterMaxMs: 3_600_000,
        maxDecompressedBytes: MAX_OUTPUT_BYTES,
      }),
    );
    if (JSON.stringify(one) !== JSON.stringify(other)) {
      throw new Error(`the twins judge ${JSON.stringify(one)} and ${JSON.stringify(other)}`);
    }
    if (!one.ok) return `${one.errorCode} ${one.message.replaceAll(/-?\d+/g, "N")}`;
    const isOpened = (one.header.attributes & 7) === 0 || (flags & Mend.COMPACTED) !== 0;
    if (isOpened && readRecords(compression, bytes, 0, MAX_OUTPUT_BYTES).length !== one.header.recordCount) {
      throw new Error("an accepted batch holds another number of records than it says");
    }
    return `accepted ${one.header.attributes & 15}`;
  },
};

/** What a consumer finds in a Fetch answer. */
export const readBatchesTarget: FuzzTarget = {
  name: "read-batches",
  maxBytes: 600,
  seeds,
  run: (input) => {
    const { bytes } = mended(input);
    let count = 0;
    try {
      for (const { at } of readBatches(bytes)) {
        count += 1;
        forEachTimestamp(openBatch(compression, bytes, at, MAX_OUTPUT_BYTES), () => false);
        readRecords(compression, bytes, at, MAX_OUTPUT_BYTES);
      }
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      return `malformed ${error.message.replaceAll(/-?\d+/g, "N")}`;
    }
    return `read ${Math.min(count, 3)}`;
  },
};
