/**
 * More connections than an object may hold, one after the other: each must leave nothing behind, however it ends. A leak of a
 * connection shows after MAX_CONNECTIONS (2,000), one of a receive buffer after RECEIVE_BUDGET_BYTES / MIN_BUFFER_BYTES (4,096).
 */
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TestBroker, testBroker } from "./broker.ts";

const MORE_THAN_CONNECTIONS = 2100;
const MORE_THAN_BUFFERS = 4200;
const AT_ONCE = 50;
const HALF_FRAME_BYTES = 9;
const LINGER_MS = 10;

/** ApiVersions 0 without a client id. */
const API_VERSIONS = Buffer.from("0000000a001200000000000fffff", "hex");
const UNKNOWN_API = Buffer.from("0000000a03e700000000000fffff", "hex");

let broker: TestBroker;

beforeAll(async () => {
  broker = await testBroker();
}, 30_000);

afterAll(() => broker?.stop());

it("the broker closes connections: an unknown API with more requests behind it", () => {
  const bytes = Buffer.concat([UNKNOWN_API, API_VERSIONS, API_VERSIONS.subarray(0, HALF_FRAME_BYTES)]);
  return manyTimes(MORE_THAN_CONNECTIONS, (socket) => socket.write(bytes));
}, 60_000);

it("clients vanish amid a frame by a reset", () => {
  return manyTimes(MORE_THAN_BUFFERS, (socket) => {
    socket.write(API_VERSIONS.subarray(0, HALF_FRAME_BYTES));
    setTimeout(() => socket.resetAndDestroy(), LINGER_MS);
  });
}, 60_000);

async function manyTimes(times: number, use: (socket: Socket) => void): Promise<void> {
  for (let from = 0; from < times; from += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => connection(use)));
  }
  let answer = Buffer.alloc(0);
  await connection((socket) => {
    socket.write(API_VERSIONS);
    socket.on("data", (chunk) => {
      answer = chunk;
      socket.destroy();
    });
  });
  expect(answer.length, "bytes of an answer to a client that comes afterwards").toBeGreaterThan(8);
}

/** Resolves when the connection has ended, by whichever side. */
function connection(use: (socket: Socket) => void): Promise<void> {
  const port = Number(broker.kafka.split(":").at(-1));
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => use(socket));
    // A reset is one of the ends that are tried here.
    socket.on("error", () => {});
    socket.once("close", () => resolve());
  });
}
