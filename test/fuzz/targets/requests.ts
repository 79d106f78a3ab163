import { Connection } from "#broker/connection.ts";
import { CLOSE_CONNECTION, NO_RESPONSE } from "#broker/handler.ts";
import { handlers } from "#broker/registry.ts";
import { Reader } from "#bytes/reader.ts";
import { FRAME_SIZE_BYTES } from "#protocol/frame.ts";
import { decodeResponseHeader } from "#protocol/header.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { CoreCluster } from "../../doubles/core-cluster.ts";
import { settle } from "../../doubles/manual-time.ts";
import { seedFrames } from "../../e2e/fuzz-seeds.ts";
import type { FuzzTarget } from "../fuzzer.ts";

const TARGET = { topic: "fuzz", topicId: "AAAAAAAAAAAAAAAAAAAAAQ", group: "fuzz" };
/** What inputs have left behind mustn't grow without end. */
const INPUTS_PER_CLUSTER = 500;
const ANSWER_TURNS = 4;
const MAX_SEED_BYTES = 400;

/** Whole requests to a broker in this process, one connection each. It may refuse them, but never stumble over one. */
export function requestsTarget(): FuzzTarget {
  let cluster: CoreCluster | null = null;
  let inputs = 0;
  const opened = async () => {
    inputs += 1;
    if (cluster !== null && inputs % INPUTS_PER_CLUSTER !== 0) return cluster;
    cluster = await CoreCluster.open();
    const topics = [{ name: TARGET.topic, numPartitions: 2, replicationFactor: 1 }];
    await cluster.connect().call(CreateTopicsRequest, CreateTopicsResponse, 7, { topics, timeoutMs: 1_000 });
    return cluster;
  };
  return {
    name: "requests",
    maxBytes: 700,
    seeds: () =>
      seedFrames(TARGET)
        .map(({ frame }) => Uint8Array.from(frame.subarray(FRAME_SIZE_BYTES)))
        .filter((frame) => frame.length <= MAX_SEED_BYTES),
    run: async (input) => {
      const { broker, fatal } = await opened().then((one) => ({ broker: one.broker(1), fatal: one.fatal }));
      const outcome = await answerTo(new Connection(broker, "127.0.0.1"), input);
      if (fatal.length > 0) throw fatal.pop();
      return outcome;
    },
  };
}

async function answerTo(connection: Connection, frame: Uint8Array): Promise<string> {
  const key = frame.length < 4 ? "none" : `${(frame[0] << 8) | frame[1]}`;
  let outcome = "parked";
  let failure: unknown;
  connection.accept(frame);
  connection.next().then(
    (answer) => {
      if (answer === null || answer === CLOSE_CONNECTION || answer === NO_RESPONSE) outcome = String(answer);
      else outcome = checkAnswer(frame, Buffer.concat(answer));
    },
    (error) => {
      failure = error;
    },
  );
  for (let turn = 0; turn < ANSWER_TURNS && outcome === "parked" && failure === undefined; turn++) await settle();
  connection.end();
  await settle();
  if (failure !== undefined) throw failure;
  return `${key} ${outcome}`;
}

/** The answer fits its own table. */
function checkAnswer(frame: Uint8Array, answer: Buffer): string {
  const apiKey = (frame[0] << 8) | frame[1];
  const handler = handlers.find((one) => one.request.apiKey === apiKey);
  if (handler === undefined) throw new Error(`an answer to the unknown API ${apiKey}`);
  const asked = (frame[2] << 8) | frame[3];
  const version = asked > handler.max ? 0 : asked;
  const reader = new Reader(answer, FRAME_SIZE_BYTES);
  decodeResponseHeader(reader, apiKey, version);
  handler.response.decode(reader, version);
  if (reader.remaining > 0) throw new Error(`${reader.remaining} bytes remain behind the answer to API ${apiKey}`);
  return "answered";
}
