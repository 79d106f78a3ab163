/** Other people's kernels that only run in Node: native addons, and modules that compile WASM from bytes or read files. */
import { crc32c as nodeRs } from "@node-rs/crc32";
import * as platformatic from "@platformatic/wasm-utils";
import Decoder from "kafkajs/src/protocol/decoder.js";
import KafkajsRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js";
import decodeBatch from "kafkajs/src/protocol/recordBatch/v0/decoder.js";
import { RecordBatch } from "kafkajs/src/protocol/recordBatch/v0/index.js";
import * as lz4Wasm from "lz4-wasm/lz4_wasm_bg.js";
import { Reader } from "./node_modules/@platformatic/kafka/dist/protocol/reader.js";
import * as records from "./node_modules/@platformatic/kafka/dist/protocol/records.js";
import { lz4WasmPeer, portablePeers } from "./peers.mjs";

export const nodePeers = [
  ...portablePeers.filter((peer) => peer.name !== "kafkajs"),
  lz4WasmPeer(lz4Wasm),
  { name: "@node-rs/crc32", crc32c: (bytes) => nodeRs(bytes) },
  {
    name: "@platformatic/kafka",
    crc32c: (bytes) => platformatic.crc32c(bytes),
    lz4: {
      compress: (bytes) => platformatic.lz4Compress(bytes),
      decompress: (packed) => platformatic.lz4Decompress(packed),
    },
    snappy: {
      compress: (bytes) => platformatic.snappyCompress(bytes),
      decompress: (packed) => platformatic.snappyDecompress(packed),
    },
    validate: (batch) =>
      records.readRecordsBatch(Reader.from(Buffer.from(batch.buffer, batch.byteOffset, batch.length))),
    encode: {
      prepare: (list) =>
        list.map(({ timestampMs, key, value }) => ({
          topic: "t",
          partition: 0,
          timestamp: BigInt(timestampMs),
          key: Buffer.from(key),
          value: Buffer.from(value),
        })),
      run: (messages) => records.createRecordsBatch(messages).buffer,
    },
  },
  {
    name: "kafkajs",
    crc32c: portablePeers.find((peer) => peer.name === "kafkajs").crc32c,
    validate: kafkajsDecode,
    encode: { prepare: (list) => list, run: kafkajsEncode },
  },
];

/** Its decoder is asynchronous for the sake of compressed batches only; the promise is not waited for, the work is done. */
function kafkajsDecode(batch) {
  return decodeBatch(new Decoder(Buffer.from(batch.buffer, batch.byteOffset, batch.length)));
}

function kafkajsEncode(list) {
  const [{ timestampMs: firstTimestamp }] = list;
  const encoded = list.map(({ timestampMs, key, value }, offsetDelta) =>
    KafkajsRecord({ offsetDelta, timestampDelta: timestampMs - firstTimestamp, key, value, headers: {} }),
  );
  return RecordBatch({ firstTimestamp, lastOffsetDelta: list.length - 1, records: encoded });
}
