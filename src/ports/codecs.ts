/**
 * The codecs that the runtime brings along, gzip and zstd (node:zlib in every shell). LZ4 and Snappy are kernels.
 * A limit on output holds while a stream is inflated, not after: bytes beyond it are never produced.
 */
export interface Codecs {
  gzip(bytes: Uint8Array): Uint8Array;
  gunzip(bytes: Uint8Array, maxBytes: number): Inflated;
  zstdCompress(bytes: Uint8Array): Uint8Array;
  zstdDecompress(bytes: Uint8Array, maxBytes: number): Inflated;
}

export type Inflated =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: "corrupt" | "too-large" };
