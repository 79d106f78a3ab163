import type { Consumer, EachBatchPayload } from "kafkajs";
import { seeded } from "../clients/records.ts";
import type { ClientJob } from "./client-job.ts";
import type { HistoryFile } from "./history-file.ts";
import { insist, kafkaOf, pause } from "./kafkajs-client.ts";
import { idOf } from "./record-value.ts";

const SESSION_TIMEOUT_MS = 6_000;
const REBALANCE_TIMEOUT_MS = 8_000;
const HEARTBEAT_MS = 1_500;
const FETCH_WAIT_MS = 200;
/** Long enough for the group to go on without it. */
const HANG_MS = 8_000;
const DISCONNECT_TIMEOUT_MS = 20_000;
/** A commit that took so long may have been sent twice. */
const SENT_ONCE_MS = 90;

interface Place {
  readonly group: string;
  readonly index: number;
}

/** One place in a group: a member that at times leaves or hangs, and its successors. */
export async function runMember(
  job: ClientJob,
  history: HistoryFile,
  place: Place,
  signal: AbortSignal,
): Promise<void> {
  const random = seeded(job.seed + 1_000 * place.index + place.group.length);
  for (let life = 0; !signal.aborted; life++) {
    const member = new Member(job, history, `kafkajs-${place.group}-${place.index}-${life}`, place.group);
    await member.live(random, signal);
  }
}

class Member {
  private readonly job: ClientJob;
  private readonly history: HistoryFile;
  private readonly client: string;
  private readonly group: string;
  private readonly consumer: Consumer;
  private memberId = "";
  private generation = -1;
  private joined: { readonly sinceMs: number; readonly atMs: number; readonly partitions: readonly number[] } | null =
    null;
  /** By partition, what the broker has acknowledged last. */
  private readonly committed = new Map<number, string>();
  private hangUntilMs = 0;
  private isOver = false;

  constructor(job: ClientJob, history: HistoryFile, client: string, group: string) {
    this.job = job;
    this.history = history;
    this.client = client;
    this.group = group;
    this.consumer = kafkaOf(job.bootstrap, client, 1_000).consumer({
      groupId: group,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
    });
  }

  async live(random: () => number, signal: AbortSignal): Promise<void> {
    const { consumer, job } = this;
    const crashed = new AbortController();
    consumer.on("consumer.crash", ({ payload }) => payload.restart || crashed.abort());
    consumer.on("consumer.group_join", ({ payload }) => {
      this.memberId = payload.memberId;
      const atMs = Date.now();
      this.joined = {
        sinceMs: atMs - payload.duration - 1,
        atMs,
        partitions: payload.memberAssignment[job.topic] ?? [],
      };
    });
    // kafkajs tells the generation only with heartbeats and commits.
    consumer.on("consumer.heartbeat", ({ payload }) => this.learn(payload.memberId, payload.groupGenerationId));
    consumer.on("consumer.commit_offsets", ({ payload }) => {
      this.learn(payload.memberId, payload.groupGenerationId);
      for (const { partitions } of payload.topics) {
        for (const { partition, offset } of partitions) this.committed.set(Number(partition), String(offset));
      }
    });
    const over = AbortSignal.any([signal, crashed.signal]);
    await insist(() => consumer.connect(), over);
    await insist(() => consumer.subscribe({ topic: job.topic, fromBeginning: true }), over);
    const eachBatch = (payload: EachBatchPayload) => this.take(payload);
    await insist(() => consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 1, eachBatch }), over);
    const livesMs = job.memberLivesMs > 0 ? job.memberLivesMs * (0.5 + random()) : 2_147_483_647;
    await pause(livesMs, over);
    if (random() < 0.3 && !over.aborted) {
      this.hangUntilMs = Date.now() + HANG_MS;
      await pause(2 * HANG_MS, over);
    }
    this.isOver = true;
    await Promise.race([consumer.disconnect().catch(() => {}), pause(DISCONNECT_TIMEOUT_MS)]);
  }

  private learn(memberId: string, generation: number): void {
    if (this.joined === null || memberId !== this.memberId || generation <= this.generation) return;
    this.generation = generation;
    const partitions = this.joined.partitions.map((partition) => ({ topic: this.job.topic, partition }));
    const { client, group } = this;
    const times = { invokedMs: this.joined.sinceMs, completedMs: this.joined.atMs };
    this.history.add({ type: "join", client, group, memberId, generation, ...times });
    this.history.add({
      type: "assignment",
      client,
      group,
      memberId,
      instanceId: null,
      generation,
      partitions,
      ...times,
    });
    this.joined = null;
  }

  private async take({ batch, heartbeat, isStale, isRunning }: EachBatchPayload): Promise<void> {
    const hangMs = this.hangUntilMs - Date.now();
    if (hangMs > 0) await pause(hangMs);
    if (this.isOver || isStale() || !isRunning() || batch.messages.length === 0) return;
    const { client, group } = this;
    const { topic, partition } = batch;
    const records = batch.messages.map(({ offset, value }) => ({ offset: Number(offset), id: idOf(value) }));
    const nextOffset = Number(batch.lastOffset()) + 1;
    this.history.add({
      type: "fetch",
      client,
      group,
      topic,
      partition,
      // kafkajs reads ahead and doesn't say when it asked.
      invokedMs: 0,
      completedMs: Date.now(),
      offset: Number((batch as unknown as { fetchedOffset: string }).fetchedOffset),
      errorCode: 0,
      highWatermark: Number(batch.highWatermark),
      logStartOffset: -1,
      nextOffset,
      minBytes: 1,
      records,
    });
    await this.commit(partition, nextOffset);
    await heartbeat();
  }

  private async commit(partition: number, offset: number): Promise<void> {
    const { client, group, memberId, generation } = this;
    const { topic } = this.job;
    const invokedMs = Date.now();
    const event = { type: "commit", client, group, memberId, generation, topic, partition, offset, invokedMs } as const;
    try {
      await this.consumer.commitOffsets([{ topic, partition, offset: String(offset) }]);
    } catch (error) {
      this.history.add({ ...event, completedMs: null, outcome: "unknown" });
      throw error;
    }
    const completedMs = Date.now();
    // A consumer that isn't running any more drops a commit, and says that it went well.
    if (this.committed.get(partition) !== String(offset)) {
      this.history.add({ ...event, completedMs: null, outcome: "unknown" });
      return;
    }
    this.history.add({
      ...event,
      generation: Math.max(generation, this.generation),
      completedMs,
      outcome: "acknowledged",
    });
    // The first try may still be under way, and come late.
    if (completedMs - invokedMs > SENT_ONCE_MS) this.history.add({ ...event, completedMs: null, outcome: "unknown" });
  }
}
