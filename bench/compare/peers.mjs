/** Other people's kernels as subjects of bench/kernels. What is here loads in workerd and in Node. */
import crc32c from "crc-32/crc32c.js";
import kafkajsCrc32c from "kafkajs/src/protocol/recordBatch/crc32C/crc32C.js";
import * as lz4js from "lz4js";
import snappyjs from "snappyjs";

export const portablePeers = [
  { name: "crc-32", crc32c: (bytes) => crc32c.buf(bytes) },
  { name: "kafkajs", crc32c: (bytes) => kafkajsCrc32c(bytes) },
  {
    name: "lz4js",
    lz4: { compress: (bytes) => lz4js.compress(bytes), decompress: (packed, size) => lz4js.decompress(packed, size) },
  },
  {
    name: "snappyjs",
    snappy: { compress: (bytes) => snappyjs.compress(bytes), decompress: (packed) => snappyjs.uncompress(packed) },
  },
];

/** lz4-wasm speaks bare blocks behind their size. `lz4Wasm` is its module, which every runtime loads in its own way. */
export function lz4WasmPeer(lz4Wasm) {
  return {
    name: "lz4-wasm",
    lz4: { compress: (bytes) => lz4Wasm.compress(bytes), decompress: (packed) => lz4Wasm.decompress(packed) },
  };
}
