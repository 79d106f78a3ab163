import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { buildBatch } from "#records/builder.ts";
import { EPOCH_MS } from "../broker-host.ts";
import type { WatcherSpec } from "../workload.ts";
import { type KnownTopic, SimClient, topicKey } from "./client.ts";
import { LostError } from "./connection.ts";
import { Coordinator } from "./coordinator.ts";
import { listOffset, type Position, READ_COMMITTED } from "./fetcher.ts";
import { compression, keyedRecord, openRecords } from "./values.ts";

const PRODUCE = { request: ProduceRequest, response: ProduceResponse };
const FETCH = { request: FetchRequest, response: FetchResponse };
const METADATA = { request: MetadataRequest, response: MetadataResponse };
const PRODUCE_VERSION = 9;
const FETCH_VERSION = 12;
const METADATA_VERSION = 12;
const PROPAGATION_MS = 2_000;
const PROBE_WAIT_MS = 20_000;
const PROBE_DELAY_MS = 300;
const READ_BYTES = 50_000;

/** Looks at everything when the storm is over: it must find all that was promised. */
export class Auditor extends SimClient {
  #probes = 0;

  /** Every topic as every broker tells it, once they have had time to hear of it; the client knows them all then. */
  async lookAtTopics(): Promise<readonly KnownTopic[]> {
    // A broker that missed something finds out by being asked, but it doesn't look more often than once a second.
    for (let look = 0; look < 2; look++) {
      for (const brokerId of this.world.brokerIds) await this.persist(() => this.#metadata(brokerId));
      await this.process.sleep(PROPAGATION_MS);
    }
    for (const brokerId of this.world.brokerIds) {
      const topics = await this.persist(() => this.#metadata(brokerId));
      const seen = topics.topics.map(({ name, topicId, partitions }) => ({
        topic: topicKey({ name: name as string, topicId }),
        name: name as string,
        partitions: partitions.length,
      }));
      this.world.record({
        type: "topics-seen",
        client: this.name,
        invokedMs: topics.invokedMs,
        completedMs: this.nowMs,
        topics: seen,
      });
      await this.refresh(seen.map(({ name }) => name));
    }
    return [...this.topics.values()];
  }

  async #metadata(brokerId: number) {
    const connection = await this.connection(brokerId);
    const invokedMs = this.nowMs;
    const answer = await connection.call(METADATA, METADATA_VERSION, { topics: null });
    return { invokedMs, topics: answer.topics.filter((topic) => !topic.isInternal) };
  }

  positionsOf(topic: KnownTopic): Position[] {
    const { name, topicId } = topic;
    return topic.leaders.map((_, partition) => ({ name, topicId, partition, offset: 0 }));
  }

  end(at: Position): Promise<number> {
    return this.persist(async () => {
      const offset = await listOffset(this, at, "latest");
      if (offset === null) await this.refresh([at.name]);
      return offset;
    });
  }

  /** Reads a partition from its beginning to its end. Open transactions are waited for by who wants only what is committed. */
  async read(at: Position, isCommittedOnly = false): Promise<void> {
    const end = await this.end(at);
    at.offset = await this.persist(() => listOffset(this, at, "earliest"));
    while (at.offset < end) {
      const before = at.offset;
      await this.persist(async () => ((await this.#fetch(at, 0, isCommittedOnly)) ? true : null));
      if (at.offset === before) await this.backOff(1);
    }
  }

  /** Waits at the end of a partition, appends a record there, and sees how soon it comes. */
  async probe(at: Position): Promise<void> {
    at.offset = await this.end(at);
    const waiting = this.#fetch(at, PROBE_WAIT_MS);
    waiting.catch(() => undefined);
    await this.process.sleep(PROBE_DELAY_MS);
    await this.append(at);
    await waiting;
  }

  /** For ever. */
  async watch({ group, topics, gapMs, isStable = false }: WatcherSpec): Promise<void> {
    const coordinator = new Coordinator(this, group);
    for (let failures = 0; ; failures++) {
      await this.process.sleep(failures === 0 ? gapMs : gapMs * this.process.random.fraction() * 2);
      if (!topics.every((name) => this.topics.has(name))) await this.refresh(topics);
      const positions = topics.flatMap((name) => {
        const topic = this.topics.get(name);
        return topic === undefined ? [] : this.positionsOf(topic);
      });
      if (positions.length === 0) continue;
      try {
        if (typeof (await coordinator.committed(positions, true, isStable)) === "number") coordinator.forget();
        if (isStable) for (const position of positions) await listOffset(this, position, "stable");
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
      }
    }
  }

  async committed(group: string, positions: readonly Position[]): Promise<void> {
    const coordinator = new Coordinator(this, group);
    await this.persist(async () => {
      const offsets = await coordinator.committed(positions, true);
      if (typeof offsets !== "number") return true;
      coordinator.forget();
      return null;
    });
  }

  async #fetch(at: Position, maxWaitMs: number, isCommittedOnly = false): Promise<boolean> {
    const { name, topicId, partition, offset } = at;
    const leader = this.topics.get(name)?.leaders[partition];
    if (leader === undefined) return false;
    const connection = await this.connection(leader);
    const invokedMs = this.nowMs;
    const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: READ_BYTES }];
    const answer = await connection.call(
      FETCH,
      FETCH_VERSION,
      {
        isolationLevel: isCommittedOnly ? READ_COMMITTED : 0,
        maxWaitMs,
        minBytes: 1,
        maxBytes: READ_BYTES,
        sessionEpoch: -1,
        topics: [{ topic: name, topicId, partitions }],
      },
      maxWaitMs + 10_000,
    );
    const { errorCode, highWatermark, lastStableOffset, logStartOffset, records, abortedTransactions } =
      answer.responses[0].partitions[0];
    const opened = openRecords(records, offset, isCommittedOnly ? (abortedTransactions ?? []) : null);
    this.world.record({
      type: "fetch",
      client: this.name,
      group: null,
      topic: topicKey(at),
      partition,
      invokedMs,
      completedMs: this.nowMs,
      offset,
      errorCode,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      minBytes: 1,
      isCommittedOnly,
      ...opened,
    });
    if (errorCode !== ErrorCode.NONE) {
      await this.refresh([name]);
      // What it wants to read has expired.
      if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) at.offset = (await listOffset(this, at, "earliest")) ?? offset;
      return false;
    }
    at.offset = opened.nextOffset;
    return true;
  }

  /** One record, which is tried once. */
  async append(at: Position, key = "probe", aheadMs = 0): Promise<void> {
    const { name, topicId, partition } = at;
    const id = `${this.name}.${this.#probes++}.0`;
    const timestampMs = EPOCH_MS + Math.floor(this.nowMs + aheadMs);
    const records = buildBatch(compression, [keyedRecord(id, key, { timestampMs, sizeInBytes: 20 })]);
    const leader = this.topics.get(name)?.leaders[partition] as number;
    // A connection of its own: on the other one the fetch stands before it.
    const producer = new SimClient(this.process, this.world);
    const connection = await producer.connection(leader);
    const invokedMs = this.nowMs;
    const topicData = [{ name, topicId, partitionData: [{ index: partition, records }] }];
    const answer = await connection.call(PRODUCE, PRODUCE_VERSION, { acks: -1, timeoutMs: 5_000, topicData });
    const { errorCode, baseOffset } = answer.responses[0].partitionResponses[0];
    this.world.record({
      type: "produce",
      client: this.name,
      topic: topicKey(at),
      partition,
      invokedMs,
      completedMs: this.nowMs,
      acks: -1,
      idempotent: false,
      session: this.name,
      ordered: false,
      order: this.#probes,
      attempts: 1,
      ids: [id],
      keys: [key],
      timestampMs: timestampMs - EPOCH_MS,
      sizeInBytes: records.length,
      outcome: errorCode === ErrorCode.NONE ? "acknowledged" : "refused",
      baseOffset,
      errorCode,
    });
  }
}
