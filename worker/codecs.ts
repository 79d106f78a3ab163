import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Codecs, Inflated } from "#ports/codecs.ts";

/** What node:zlib calls the error of a stream whose output passes `maxOutputLength`. */
const OUTPUT_LIMIT = "ERR_BUFFER_TOO_LARGE";
/** Nearly the ratio of the default level 3, at a third less time (kernels.md, section 4). */
const ZSTD_LEVEL = 1;

/** gzip and zstd by node:zlib, which workerd and Node share. */
export const zlibCodecs: Codecs = {
  gzip: (bytes) => gzipSync(bytes),
  gunzip: (bytes, maxBytes) => inflate(maxBytes, (options) => gunzipSync(bytes, options)),
  zstdCompress: (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } }),
  zstdDecompress: (bytes, maxBytes) => inflate(maxBytes, (options) => zstdDecompressSync(bytes, options)),
};

function inflate(maxBytes: number, run: (options: { maxOutputLength: number }) => Uint8Array): Inflated {
  try {
    // The limit of node:zlib must be positive, so the length is looked at once more.
    const bytes = run({ maxOutputLength: Math.max(maxBytes, 1) });
    return bytes.length > maxBytes ? { ok: false, reason: "too-large" } : { ok: true, bytes };
  } catch (error) {
    const isLimit = error instanceof Error && "code" in error && error.code === OUTPUT_LIMIT;
    return { ok: false, reason: isLimit ? "too-large" : "corrupt" };
  }
}
