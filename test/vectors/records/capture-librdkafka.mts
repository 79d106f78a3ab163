/**
 * `node capture-librdkafka.mts`, in this folder: lets kcat (librdkafka) produce to a broker that only pretends to be one, and keeps
 * the record batches that it sends. Timestamps are those of the day.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { encodeResponseFrame } from "#protocol/frame.ts";
import { decodeRequestHeader } from "#protocol/header.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { ApiVersionsResponse } from "#protocol/messages/18-api-versions.ts";
import { CODECS, COUNT, librdkafkaKey, librdkafkaValue } from "../../records/librdkafka-input.ts";

const INPUT = Array.from({ length: COUNT }, (_, index) => `${librdkafkaKey(index)}:${librdkafkaValue(index)}\n`).join("");

const APIS = [
  { apiKey: 0, minVersion: 0, maxVersion: 8 },
  { apiKey: 1, minVersion: 0, maxVersion: 11 },
  { apiKey: 3, minVersion: 0, maxVersion: 8 },
  { apiKey: 10, minVersion: 0, maxVersion: 2 },
  { apiKey: 18, minVersion: 0, maxVersion: 3 },
];

let captured: Uint8Array | null = null;
let port = 0;

function answer(frame: Uint8Array): Uint8Array {
  const reader = new Reader(frame);
  const head = decodeRequestHeader(reader);
  const writer = new Writer();
  if (head.apiKey === 18) encodeResponseFrame(writer, ApiVersionsResponse, head, { apiKeys: APIS });
  if (head.apiKey === 3) {
    const partitions = [{ partitionIndex: 0, leaderId: 1, replicaNodes: [1], isrNodes: [1] }];
    const draft = { brokers: [{ nodeId: 1, host: "127.0.0.1", port }], topics: [{ name: "t", partitions }] };
    encodeResponseFrame(writer, MetadataResponse, head, draft);
  }
  if (head.apiKey === 0) {
    const request = ProduceRequest.decode(reader, head.apiVersion);
    captured = request.topicData[0].partitionData[0].records;
    const responses = [{ name: "t", partitionResponses: [{ index: 0, baseOffset: 0 }] }];
    encodeResponseFrame(writer, ProduceResponse, head, { responses });
  }
  return writer.finish();
}

function serve(socket: Socket): void {
  let buffered = Buffer.alloc(0);
  socket.on("data", (data) => {
    buffered = Buffer.concat([buffered, data]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
      const end = 4 + buffered.readInt32BE(0);
      socket.write(answer(buffered.subarray(4, end)));
      buffered = buffered.subarray(end);
    }
  });
}

const server = createServer(serve).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
port = (server.address() as { port: number }).port;
for (const codec of CODECS) {
  captured = null;
  const flags = ["-P", "-b", `127.0.0.1:${port}`, "-t", "t", "-p", "0", "-z", codec, "-K", ":", "-H", "trace=42", "-H", "empty="];
  const kcat = spawn("kcat", [...flags, "-X", "linger.ms=500"], { stdio: ["pipe", "inherit", "inherit"] });
  kcat.stdin.end(INPUT);
  await new Promise((resolve) => kcat.once("exit", resolve));
  if (captured === null) throw new Error(`kcat sent no batch with ${codec}`);
  writeFileSync(new URL(`librdkafka-${codec}.bin`, import.meta.url), captured);
  console.log(codec, (captured as Uint8Array).length);
}
server.close();
process.exit(0);
