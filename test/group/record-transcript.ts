/**
 * Plays transcript-steps.ts against a broker over TCP and prints what it answers. The broker must be fresh (the steps name groups a, s, st,
 * p, q and n) and have `group.initial.rebalance.delay.ms=0`; how Apache Kafka's own answers were taken says test/vectors/group/README.md.
 *
 * node test/group/record-transcript.ts HOST:PORT
 */
import { connect, type Socket } from "node:net";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { encodeRequestFrame } from "#protocol/frame.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { APIS, type Api, type Side, Transcript } from "./transcript.ts";
import { play } from "./transcript-steps.ts";

const SETTLE_MS = 250;
const READY_TRIES = 60;
const [host, port] = process.argv[2].split(":");

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

class Connection {
  private readonly socket: Socket;
  private readonly waiting: ((frame: Buffer) => void)[] = [];
  private received = Buffer.alloc(0);

  constructor() {
    this.socket = connect(Number(port), host);
    this.socket.on("data", (chunk) => this.take(chunk));
  }

  private take(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    while (this.received.length >= 4 && this.received.length >= 4 + this.received.readInt32BE(0)) {
      const end = 4 + this.received.readInt32BE(0);
      this.waiting.shift()?.(this.received.subarray(4, end));
      this.received = this.received.subarray(end);
    }
  }

  async send(
    { request, response }: Api,
    clientId: string,
    apiVersion: number,
    body: object,
  ): Promise<Record<string, unknown>> {
    const writer = new Writer();
    encodeRequestFrame(writer, request, { apiVersion, correlationId: 1, clientId }, body);
    const answered = new Promise<Buffer>((resolve) => this.waiting.push(resolve));
    this.socket.write(writer.finish());
    const reader = new Reader(await answered, 4);
    if (apiVersion >= response.flexible) reader.int8();
    return response.decode(reader, apiVersion) as Record<string, unknown>;
  }
}

const connections = new Map<string, Connection>();

function send(client: string, api: Api, version: number, body: object): Promise<Record<string, unknown>> {
  const connection = connections.get(client) ?? new Connection();
  connections.set(client, connection);
  return connection.send(api, `client-${client}`, version, body);
}

async function prepare(): Promise<string> {
  const createTopics = { request: CreateTopicsRequest, response: CreateTopicsResponse } as unknown as Api;
  await send("c", createTopics, 7, {
    topics: [{ name: "t", numPartitions: 3, replicationFactor: 1 }],
    timeoutMs: 5_000,
  });
  for (let i = 0; i < READY_TRIES; i++) {
    await send("c", APIS.FindCoordinator, 0, { key: "a" });
    const { errorCode } = await send("c", APIS.ListGroups, 0, {});
    const { errorCode: ofGroup } = await send("c", APIS.LeaveGroup, 0, { groupId: "a", memberId: "x" });
    if (errorCode === 0 && ofGroup === 25) break;
    await sleep(SETTLE_MS);
  }
  const metadata = { request: MetadataRequest, response: MetadataResponse } as unknown as Api;
  const { topics } = (await send("c", metadata, 12, { topics: [{ name: "t" }] })) as { topics: { topicId: string }[] };
  return topics[0].topicId;
}

const side: Side = {
  topicId: await prepare(),
  send: (client, name, version, body) => send(client, APIS[name], version, body),
  settle: () => sleep(SETTLE_MS),
  sleep,
};
const transcript = new Transcript(side);
await play(transcript);
process.stdout.write(transcript.text());
process.exit(0);
