/** Dispatch by a batch's codec: LZ4 and Snappy are kernels, gzip and zstd come from the shell. */
import type { DecodeFailure, Kernels } from "#kernels/kernels.ts";
import type { Codecs } from "#ports/codecs.ts";
import { Codec } from "./batch.ts";

/** The most that one batch may inflate to, wherever we open it. Kafka's own limit is the JVM's array size. */
export const MAX_DECOMPRESSED_BATCH_BYTES = 32 * 1024 * 1024;

/** What opening and building a compressed batch needs. */
export interface Compression {
  readonly kernels: Kernels;
  readonly codecs: Codecs;
}

const CODEC_NAMES: { readonly [name: string]: Codec } = {
  uncompressed: Codec.NONE,
  gzip: Codec.GZIP,
  snappy: Codec.SNAPPY,
  lz4: Codec.LZ4,
  zstd: Codec.ZSTD,
};

/** The codec that a topic's `compression.type` asks for; null for `producer`, which keeps what the producer chose. */
export function codecOfTopic(compressionType: string): Codec | null {
  return CODEC_NAMES[compressionType] ?? null;
}

export type Opened =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: DecodeFailure | "unknown-codec" };

/** Opens what stands behind the header of a batch. With codec NONE that is a view on the input. */
export function decompress(
  compression: Compression,
  codec: number,
  bytes: Uint8Array,
  maxBytes = MAX_DECOMPRESSED_BATCH_BYTES,
): Opened {
  switch (codec) {
    case Codec.NONE:
      return { ok: true, bytes };
    case Codec.GZIP:
      return compression.codecs.gunzip(bytes, maxBytes);
    case Codec.SNAPPY:
      return compression.kernels.snappyDecompress(bytes, maxBytes);
    case Codec.LZ4:
      return compression.kernels.lz4Decompress(bytes, maxBytes);
    case Codec.ZSTD:
      return compression.codecs.zstdDecompress(bytes, maxBytes);
    default:
      return { ok: false, reason: "unknown-codec" };
  }
}

export function compress(compression: Compression, codec: Codec, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case Codec.NONE:
      return bytes;
    case Codec.GZIP:
      return compression.codecs.gzip(bytes);
    case Codec.SNAPPY:
      return compression.kernels.snappyCompress(bytes);
    case Codec.LZ4:
      return compression.kernels.lz4Compress(bytes);
    case Codec.ZSTD:
      return compression.codecs.zstdCompress(bytes);
  }
}
