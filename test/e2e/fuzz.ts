/**
 * Sends mutated frames over many connections to a running broker. Between the batches an old and a new healthy connection must be
 * served as if nothing happened: records acknowledged at the next offset, nothing lost. Who stays silent (a parked request,
 * half a frame) is left by the fuzzer after a short while, as a client that vanishes would.
 */
import { connect } from "node:net";
import { Admin, Producer } from "@platformatic/kafka";
import { mutate } from "./fuzz-mutations.ts";
import { type Seed, seedFrames } from "./fuzz-seeds.ts";

const CONNECTIONS = 48;
const BATCH_FRAMES = 2000;
const MAX_FRAMES_PER_CONNECTION = 4;
/** How long a connection may say nothing before the fuzzer goes away. */
const SILENCE_MS = 250;
const HEALTH_TIMEOUT_MS = 10_000;
const SENTINEL_BASE = 0x5eed0000;
const API_VERSIONS = 18;

export interface FuzzOptions {
  readonly bootstrap: string;
  readonly frames: number;
  /** 0..1, from a seeded generator. */
  readonly random: () => number;
  /** Called after each batch, when the broker has shown that it is well. */
  readonly afterBatch?: (progress: FuzzReport) => void;
}

export interface FuzzReport {
  readonly sent: number;
  readonly connections: number;
  /** By mutation, how many frames were sent. */
  readonly mutations: Readonly<Record<string, number>>;
  /** How the connections ended: all was answered, closed by the broker, or silent until the fuzzer left. */
  readonly outcomes: Readonly<Record<Outcome, number>>;
}

type Outcome = "answered" | "closed" | "silent";

/** Throws where the broker does not serve a healthy connection in time or loses count of what it acknowledged. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const [host, port] = [options.bootstrap.split(":")[0], Number(options.bootstrap.split(":").at(-1))];
  const health = await openHealth(options.bootstrap);
  const seeds = await targetSeeds(options.bootstrap);
  const report = {
    sent: 0,
    connections: 0,
    mutations: {} as Record<string, number>,
    outcomes: { answered: 0, closed: 0, silent: 0 },
  };
  while (report.sent < options.frames) {
    const upTo = Math.min(options.frames, report.sent + BATCH_FRAMES);
    const worker = async (): Promise<void> => {
      while (report.sent < upTo) {
        const frames = take(seeds, options.random, Math.min(MAX_FRAMES_PER_CONNECTION, upTo - report.sent), report);
        report.connections += 1;
        const sentinel = SENTINEL_BASE + (report.connections % 0x10000);
        report.outcomes[await converse(host, port, frames, sentinel)] += 1;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
    await health.check();
    options.afterBatch?.(report);
  }
  await health.close();
  return report;
}

function take(
  seeds: readonly Seed[],
  random: () => number,
  atMost: number,
  report: { sent: number; mutations: Record<string, number> },
) {
  const count = 1 + Math.floor(random() * atMost);
  return Array.from({ length: count }, () => {
    const { mutation, bytes } = mutate(seeds, random);
    report.sent += 1;
    report.mutations[mutation] = (report.mutations[mutation] ?? 0) + 1;
    return bytes;
  });
}

async function targetSeeds(bootstrap: string): Promise<Seed[]> {
  const topic = `fuzz-${Date.now().toString(36)}`;
  const admin = new Admin({ clientId: "fuzz-admin", bootstrapBrokers: [bootstrap] });
  await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
  const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
  await admin.close();
  const id = (metadata.topics.get(topic)?.id ?? "").replaceAll("-", "");
  return seedFrames({ topic, topicId: Buffer.from(id, "hex").toString("base64url"), group: "fuzz-group" });
}

/** Sends the frames and then an ApiVersions request, whose answer proves that all before it was dealt with. */
function converse(host: string, port: number, frames: readonly Uint8Array[], sentinel: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    let received = Buffer.alloc(0);
    let timer = setTimeout(() => end("silent"), SILENCE_MS);
    const end = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    socket.once("connect", () => socket.write(Buffer.concat([...frames, sentinelFrame(sentinel)])));
    socket.on("data", (chunk) => {
      clearTimeout(timer);
      timer = setTimeout(() => end("silent"), SILENCE_MS);
      received = Buffer.concat([received, chunk]);
      while (received.length >= 8 && received.length >= 4 + received.readInt32BE(0)) {
        if (received.readInt32BE(4) === sentinel) return end("answered");
        received = received.subarray(4 + received.readInt32BE(0));
      }
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      // A reset is how a broker closes while bytes are under way; a refused connection means that nobody listens.
      if (error.code === "ECONNREFUSED") reject(new Error(`the broker refuses connections: ${error.message}`));
      else end("closed");
    });
    socket.once("close", () => end("closed"));
  });
}

function sentinelFrame(correlationId: number): Buffer {
  const frame = Buffer.alloc(14);
  frame.writeInt32BE(10, 0);
  frame.writeInt16BE(API_VERSIONS, 4);
  frame.writeInt16BE(0, 6);
  frame.writeInt32BE(correlationId, 8);
  frame.writeInt16BE(-1, 12);
  return frame;
}

/** A stock producer that stays connected all the time, and a new admin connection at each check. */
async function openHealth(bootstrap: string) {
  const topic = `health-${Date.now().toString(36)}`;
  const client = { bootstrapBrokers: [bootstrap], timeout: HEALTH_TIMEOUT_MS, retries: 0 };
  const admin = new Admin({ ...client, clientId: "fuzz-health-admin", retries: 5 });
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
  await admin.close();
  const producer = new Producer({ ...client, clientId: "fuzz-health", acks: -1, retries: 3 });
  let next = 0;
  const check = async (): Promise<void> => {
    const value = Buffer.from(`health ${next}`);
    const { offsets } = await inTime(producer.send({ messages: [{ topic, partition: 0, value }] }), "a produce");
    const offset = Number(offsets?.[0].offset);
    if (offset !== next) throw new Error(`a healthy record was acknowledged at offset ${offset}, not ${next}`);
    next += 1;
    const fresh = new Admin({ ...client, clientId: "fuzz-health-new" });
    const topics = await inTime(fresh.listTopics(), "a new connection's metadata");
    await fresh.close();
    if (!topics.includes(topic)) throw new Error("the healthy topic is gone");
  };
  await check();
  return { check, close: () => producer.close() };
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${HEALTH_TIMEOUT_MS} ms`)), HEALTH_TIMEOUT_MS);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
