/**
 * What idle topics cost the busy ones: a broker with ten topics and one with the same ten and 990 others that nobody uses, side by side. Each
 * request goes to the one and to the other at once after it, in changing order, so that a busy moment of the machine hits both; the ratio is
 * taken within each round. Two processes that do the same differ for as long as they live, by how their code was compiled and where their
 * memory lies: each round has fresh ones, and a third broker, with ten topics again, says how far apart like and like come to lie.
 */

import { referenceKernels } from "#kernels/reference.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { buildBatch } from "#records/builder.ts";
import { WireClient } from "#test/oracle/wire-client.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import { type Measured, spread } from "./measure.ts";
import type { Target } from "./targets.ts";

const BUSY = 10;
const SIDES = [{ idleTopics: 0 }, { idleTopics: 0 }, { idleTopics: 990 }] as const;
const TOPICS_A_REQUEST = 110;
const VALUE_BYTES = 1024;
/** Of each kind, to each broker, in a round. */
const REQUESTS = 1_000;
const WARM_UP = 500;
const LONG_POLL_MS = 5_000;
const V = { create: 5, produce: 8, fetch: 11 };

const KINDS = [
  "produce, acks=all",
  "fetch what was just written",
  "from a produce to the fetch that waits for it",
] as const;
const PERCENTILES = [50, 99] as const;

const records = buildBatch({ kernels: referenceKernels, codecs: zlibCodecs }, [
  { timestampMs: Date.now(), key: null, value: new Uint8Array(VALUE_BYTES).fill(7) },
]);

/** One broker with its topics, on two connections: a fetch that waits holds its own up. */
class Side {
  private readonly writer: WireClient;
  private readonly reader: WireClient;
  /** By topic: where its next record goes. */
  private readonly ends = new Map<string, number>();
  readonly busy: readonly string[] = Array.from({ length: BUSY }, (_, i) => `busy-${i}`);

  private constructor(writer: WireClient, reader: WireClient) {
    this.writer = writer;
    this.reader = reader;
  }

  /** Every topic holds a record, so that all of them are open in the broker, too. */
  static async open(target: Target, idleTopics: number): Promise<Side> {
    const side = new Side(await WireClient.connect(target.kafka), await WireClient.connect(target.kafka));
    const names = [...Array.from({ length: idleTopics }, (_, i) => `idle-${i}`), ...side.busy];
    for (let at = 0; at < names.length; at += TOPICS_A_REQUEST) {
      await side.create(names.slice(at, at + TOPICS_A_REQUEST));
    }
    for (const topic of names) await side.produce(topic);
    return side;
  }

  private async create(names: readonly string[]): Promise<void> {
    const topics = names.map((name) => ({ name, numPartitions: 1, replicationFactor: 1 }));
    const answer = await this.writer.call(CreateTopicsRequest, CreateTopicsResponse, V.create, {
      topics,
      timeoutMs: 30_000,
    });
    if (answer === "closed" || answer.topics.some(({ errorCode }) => errorCode !== 0)) throw new Error("no topics");
  }

  async produce(name: string): Promise<void> {
    const answer = await this.writer.call(ProduceRequest, ProduceResponse, V.produce, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name, partitionData: [{ index: 0, records }] }],
    });
    const partition = answer === "closed" ? undefined : answer.responses[0]?.partitionResponses[0];
    if (partition?.errorCode !== 0) throw new Error(`produce: error ${partition?.errorCode}`);
    this.ends.set(name, partition.baseOffset + 1);
  }

  /** Fetches from all busy topics at once, as a consumer does: from one the record at `back` before its end, from the others what comes. */
  async fetch(name: string, back: number): Promise<void> {
    const topics = this.busy.map((topic) => ({
      topic,
      partitions: [
        {
          partition: 0,
          fetchOffset: (this.ends.get(topic) ?? 0) - (topic === name ? back : 0),
          partitionMaxBytes: 1 << 20,
        },
      ],
    }));
    const limits = { maxWaitMs: LONG_POLL_MS, minBytes: 1, maxBytes: 1 << 20 };
    const answer = await this.reader.call(FetchRequest, FetchResponse, V.fetch, { ...limits, topics });
    const found =
      answer === "closed" ? [] : answer.responses.filter(({ partitions }) => partitions[0]?.records?.length);
    if (found.length !== 1 || found[0]?.topic !== name) throw new Error("fetch: not the one record");
  }

  async deliver(name: string): Promise<void> {
    const waiting = this.fetch(name, 0);
    // It has been parked by then: what a connection asks first is answered, or waits, first.
    await new Promise((resolve) => setTimeout(resolve, 1));
    const sentAt = performance.now();
    const sent = this.produce(name);
    await waiting;
    this.deliveredMs = performance.now() - sentAt;
    await sent;
  }

  deliveredMs = 0;

  close(): void {
    this.writer.close();
    this.reader.close();
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Milliseconds of each request, by side and kind. */
type Latencies = Map<Side, number[][]>;

async function runRound(sides: readonly Side[], requests: number): Promise<Latencies> {
  const latencies: Latencies = new Map(sides.map((side) => [side, KINDS.map(() => [])]));
  for (let i = 0; i < requests; i++) {
    const first = i % sides.length;
    for (const side of [...sides.slice(first), ...sides.slice(0, first)]) {
      const topic = side.busy[i % BUSY] as string;
      const [produced, fetched, delivered] = latencies.get(side) as number[][];
      produced?.push(await timed(() => side.produce(topic)));
      fetched?.push(await timed(() => side.fetch(topic, 1)));
      await side.deliver(topic);
      delivered?.push(side.deliveredMs);
    }
  }
  return latencies;
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

/** Fresh brokers, and what each of them took: by kind and percentile. */
async function measureOnce(start: () => Promise<Target>, round: number): Promise<number[][][]> {
  const targets: Target[] = [];
  try {
    for (const _ of SIDES) targets.push(await start());
    const sides: Side[] = [];
    // Who was started first is first served; it takes turns.
    for (let i = 0; i < SIDES.length; i++) {
      const at = (i + round) % SIDES.length;
      sides[at] = await Side.open(targets[i] as Target, SIDES[at]?.idleTopics ?? 0);
    }
    await runRound(sides, WARM_UP);
    const latencies = await runRound(sides, REQUESTS);
    for (const side of sides) side.close();
    return sides.map((side) =>
      KINDS.map((_, at) => PERCENTILES.map((percent) => percentile(latencies.get(side)?.[at] ?? [], percent))),
    );
  } finally {
    for (const target of targets) await target.stop();
  }
}

export async function runTailCase(start: () => Promise<Target>, rounds: number): Promise<Measured[]> {
  const ran: number[][][][] = [];
  for (let round = 0; round < rounds; round++) ran.push(await measureOnce(start, round));
  return KINDS.flatMap((kind, k) =>
    PERCENTILES.flatMap((percent, p) => {
      const name = `${kind}, p${percent}`;
      const [fewMs, againMs, manyMs] = SIDES.map((_, at) => ran.map((sides) => sides[at]?.[k]?.[p] ?? Number.NaN));
      const ratio = (ms: readonly number[] = []) => spread(ms.map((one, i) => one / (fewMs?.[i] ?? Number.NaN)));
      return [
        { name, target: "10 topics", unit: "ms", ...spread(fewMs ?? []) },
        { name, target: "1,000 topics, 990 idle", unit: "ms", ...spread(manyMs ?? []) },
        { name, target: "ratio", unit: "ms", ...ratio(manyMs) },
        { name, target: "ratio of another broker with 10 topics", unit: "ms", ...ratio(againMs) },
      ];
    }),
  );
}
