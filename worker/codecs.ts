import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Codecs, Inflated } from "#ports/codecs.ts";

/**
 * workerd grows its output in chunks and refuses when the next one would pass `maxOutputLength`, although the stream may end within
 * the limit. Up to 40 MB this much more was always enough; what came out is then held against the real limit.
 */
const CHUNK_SLACK_BYTES = 64 * 1024;
/** Nearly the ratio of the default level 3, at a third less time. */
const ZSTD_LEVEL = 1;

/** gzip and zstd by node:zlib, which workerd and Node share. */
export const zlibCodecs: Codecs = {
  gzip: (bytes) => gzipSync(bytes),
  gunzip: (bytes, maxBytes) => inflate(bytes, maxBytes, gunzipSync),
  zstdCompress: (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } }),
  zstdDecompress: (bytes, maxBytes) => inflate(bytes, maxBytes, zstdDecompressSync),
};

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

function inflate(packed: Uint8Array, maxBytes: number, run: Inflate): Inflated {
  // workerd takes no bytes at all for a whole zstd stream.
  if (packed.length === 0) return { ok: false, reason: "corrupt" };
  try {
    const bytes = run(packed, { maxOutputLength: maxBytes + CHUNK_SLACK_BYTES });
    return bytes.length > maxBytes ? { ok: false, reason: "too-large" } : { ok: true, bytes };
  } catch (error) {
    // The limit is a RangeError in both runtimes, and with a code only in Node; a bad stream is a plain Error.
    return { ok: false, reason: error instanceof RangeError ? "too-large" : "corrupt" };
  }
}
