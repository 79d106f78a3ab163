import { MalformedMessageError } from "#bytes/malformed.ts";
import type { Client } from "#client/client.ts";
import { type FetchedPartition, fetchRecords } from "#client/fetch.ts";
import type { TopicView } from "#client/metadata.ts";
import { EARLIEST_TIMESTAMP, listOffsets } from "#client/offsets.ts";
import { type Failure, failed, failure, type Outcome } from "#client/outcome.ts";
import { isStaleMetadata, MAX_ATTEMPTS } from "#client/retry.ts";
import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import type { Positions } from "./cursor.ts";
import { Delivery } from "./delivery.ts";
import { commentFrame, openingFrame, problemFrame } from "./events.ts";
import {
  MAX_STREAM_FETCHES,
  MAX_STREAM_PARTITIONS,
  STREAM_CHUNK_BYTES,
  STREAM_FETCH_BYTES,
  STREAM_HEARTBEAT_MS,
  STREAM_LARGE_CHUNK_BYTES,
  STREAM_METADATA_MS,
  STREAM_WAIT_MS,
} from "./limits.ts";
import { httpProblem, kafkaProblem, type Problem, unreadable } from "./problems.ts";

export interface TailStart {
  readonly topic: TopicView;
  /** Next offset of every partition to follow. */
  readonly positions: Positions;
  /** Take up partitions that are added later, from their first record. */
  readonly followsNewPartitions: boolean;
  /** Told of an error that is a bug; the stream ends. */
  readonly onFailure: (error: Error) => void;
  /** Told when `heldBytes` has grown while nobody waits for `next`. */
  readonly onHeld: () => void;
}

/**
 * A live tail of a topic as frames of an event stream. It works only while `next` is waited for: one long poll at each
 * leader, over all of its partitions, and at most one answer of each leader in memory. A reader that stops asking stops
 * the fetching.
 */
export class Tail {
  private readonly client: Client;
  private topic: TopicView;
  private followsNewPartitions: boolean;
  private readonly onFailure: (error: Error) => void;
  private readonly onHeld: () => void;
  private readonly positions: Map<number, number>;
  private readonly deliveries: Delivery[] = [];
  /** Leaders with a fetch under way or an answer that is not taken yet. */
  private readonly busyLeaders = new Set<number>();
  private readonly pendingFrames: string[] = [];
  /** What ends the stream, behind all that is delivered still. */
  private finalFrame: string | null = null;
  private fetches = 0;
  /** Failed fetches in a row, by leader. */
  private readonly failures = new Map<number, number>();
  private lastFailure: Failure | null = null;
  private refreshedMs: number;
  private sentMs: number;
  /** Nothing is fetched any more. */
  private ended = false;
  /** Nothing is shown any more. */
  private isOver = false;
  private isAsked = false;
  private wake: () => void = () => {};

  constructor(client: Client, start: TailStart) {
    this.client = client;
    this.topic = start.topic;
    this.followsNewPartitions = start.followsNewPartitions;
    this.onFailure = start.onFailure;
    this.onHeld = start.onHeld;
    this.positions = new Map([...start.positions].sort(([one], [other]) => one - other));
    this.refreshedMs = this.sentMs = client.ports.clock.nowMs();
    this.pendingFrames.push(openingFrame(this.positions));
  }

  /**
   * The next frames, whole: some `STREAM_CHUNK_BYTES` at most, or `STREAM_LARGE_CHUNK_BYTES` out of a large batch, and the record
   * that passes it is the last. Null at the end. Not to be called again before it is settled.
   */
  async next(): Promise<string | null> {
    this.isAsked = true;
    try {
      return await this.awaited();
    } finally {
      this.isAsked = false;
    }
  }

  private async awaited(): Promise<string | null> {
    for (;;) {
      const text = this.take();
      if (text !== "") {
        this.sentMs = this.client.ports.clock.nowMs();
        return text;
      }
      if (this.ended) return null;
      await this.refresh();
      if (this.ended || this.pendingFrames.length > 0) continue;
      if (this.fetches >= MAX_STREAM_FETCHES) {
        this.ended = true;
        this.pendingFrames.push(commentFrame("this stream was long enough: come back with the last id"));
        continue;
      }
      this.startFetches();
      if (this.deliveries.length === 0) await this.waitForWork();
    }
  }

  /** What was fetched and is not taken yet takes so much memory. */
  get heldBytes(): number {
    return this.deliveries.reduce((sum, delivery) => sum + delivery.heldBytes, 0);
  }

  /** Nobody reads any more. */
  close(): void {
    this.ended = true;
    this.isOver = true;
    this.deliveries.length = 0;
    this.pendingFrames.length = 0;
    this.wake();
  }

  private take(): string {
    if (this.isOver) return "";
    let text = this.pendingFrames.splice(0).join("");
    while (this.deliveries.length > 0) {
      const delivery = this.deliveries[0];
      if (text.length >= (delivery.isLarge ? STREAM_LARGE_CHUNK_BYTES : STREAM_CHUNK_BYTES)) {
        delivery.pause();
        return text;
      }
      const frame = this.nextFrame(delivery);
      if (frame !== null) {
        text += frame;
        continue;
      }
      this.deliveries.shift();
      this.busyLeaders.delete(delivery.leaderId);
    }
    if (this.finalFrame === null) return text;
    this.isOver = true;
    return text + this.finalFrame;
  }

  private nextFrame(delivery: Delivery): string | null {
    try {
      return delivery.next();
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      // Where the next batch begins can't be known: there is no way past it.
      this.deliveries.length = 0;
      this.finish(unreadable(`The log can't be read any further: ${error.message}.`));
      return null;
    }
  }

  /** A long poll at each leader that has none under way. */
  private startFetches(): void {
    const ofLeader = Map.groupBy(this.positions, ([partition]) => this.topic.partitions[partition]?.leaderId ?? -1);
    for (const [leaderId, entries] of ofLeader) {
      if (this.busyLeaders.has(leaderId)) continue;
      this.busyLeaders.add(leaderId);
      const positions = entries.map(([partition, offset]) => ({ partition, offset }));
      this.fetchFrom(leaderId, positions).catch((error: Error) => this.crash(error));
    }
  }

  private async fetchFrom(
    leaderId: number,
    positions: readonly { partition: number; offset: number }[],
  ): Promise<void> {
    this.fetches++;
    const limits = {
      maxWaitMs: STREAM_WAIT_MS,
      minBytes: 1,
      maxBytes: STREAM_FETCH_BYTES,
      partitionMaxBytes: STREAM_FETCH_BYTES,
    };
    const answer: Outcome<readonly FetchedPartition[]> =
      leaderId < 0
        ? failure(ErrorCode.LEADER_NOT_AVAILABLE)
        : await fetchRecords(this.client, { leaderId, topicId: this.topic.topicId, positions }, limits);
    if (!this.ended) await this.deliver(leaderId, answer);
    this.wake();
  }

  private async deliver(leaderId: number, answer: Outcome<readonly FetchedPartition[]>): Promise<void> {
    if (failed(answer)) {
      await this.fail(leaderId, answer);
      this.busyLeaders.delete(leaderId);
      return;
    }
    const wrong = answer.value.find((partition) => partition.errorCode !== ErrorCode.NONE);
    if (wrong === undefined) this.failures.delete(leaderId);
    else if (wrong.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) await this.skipToEarliest(leaderId, wrong.partition);
    else await this.fail(leaderId, failure(wrong.errorCode));
    if (this.isOver) return;
    const good = answer.value.filter((partition) => partition.errorCode === ErrorCode.NONE);
    const { positions, topic, client } = this;
    this.deliveries.push(new Delivery(leaderId, good, { positions, topicName: topic.name, compression: client.ports }));
    if (!this.isAsked) this.onHeld();
  }

  /** Notes an error after which the topic is looked at anew; ends the stream when it is final or has come too often. */
  private async fail(leaderId: number, problem: Failure): Promise<void> {
    this.lastFailure = problem;
    this.client.forget(this.topic.name);
    const isPassing = isRetriable(problem.errorCode) || isStaleMetadata(problem.errorCode);
    if (isPassing) await this.backOff(leaderId, problem);
    else this.end(problem);
  }

  /** Before the leader is asked again; ends the stream when that was often enough. */
  private async backOff(leaderId: number, problem: Failure): Promise<void> {
    const failures = (this.failures.get(leaderId) ?? 0) + 1;
    this.failures.set(leaderId, failures);
    if (failures >= MAX_ATTEMPTS) this.end(problem);
    else await this.client.backOff(failures);
  }

  private end({ errorCode, message }: Failure): void {
    this.finish(kafkaProblem(errorCode, message));
  }

  private finish(problem: Problem): void {
    this.ended = true;
    this.finalFrame ??= problemFrame(problem);
  }

  /** A bug: nobody waits for what threw, so without this the leader would stay busy for ever. */
  private crash(error: Error): void {
    this.onFailure(error);
    this.finish(httpProblem(500));
    this.wake();
  }

  /**
   * The reader was slower than retention: goes on with what is left. A leader raises its log start before that is committed, and
   * tells only the committed one (docs/decisions/0028): it is asked again for a while. Past the end there is nothing to go on with.
   */
  private async skipToEarliest(leaderId: number, partition: number): Promise<void> {
    const earliest = await listOffsets(this.client, this.topic.name, [partition], EARLIEST_TIMESTAMP);
    if (failed(earliest)) return this.fail(leaderId, earliest);
    const from = this.positions.get(partition) ?? 0;
    const to = earliest.value.get(partition) ?? 0;
    if (to <= from) {
      const message = `partition ${partition} doesn't have offset ${from}`;
      return this.backOff(leaderId, failure(ErrorCode.OFFSET_OUT_OF_RANGE, message));
    }
    this.positions.set(partition, to);
    this.pendingFrames.push(commentFrame(`partition ${partition}: offsets ${from} to ${to - 1} are gone`));
  }

  /** Looks at the topic after an error, and now and then for partitions that were added. */
  private async refresh(): Promise<void> {
    const nowMs = this.client.ports.clock.nowMs();
    const isDue = this.followsNewPartitions && nowMs - this.refreshedMs >= STREAM_METADATA_MS;
    if (this.lastFailure === null && !isDue) return;
    const hasFailed = this.lastFailure !== null;
    this.lastFailure = null;
    this.refreshedMs = nowMs;
    const topic = await this.client.topic(this.topic.name, { isFresh: true });
    if (failed(topic)) {
      if (hasFailed) this.end(topic);
      return;
    }
    if (topic.value.topicId !== this.topic.topicId) {
      this.end(failure(ErrorCode.UNKNOWN_TOPIC_ID, "The topic was deleted and made again."));
      return;
    }
    this.topic = topic.value;
    if (!this.followsNewPartitions) return;
    this.addPartitions();
  }

  private addPartitions(): void {
    for (const { partitionIndex } of this.topic.partitions) {
      if (this.positions.has(partitionIndex)) continue;
      if (this.positions.size >= MAX_STREAM_PARTITIONS) {
        this.followsNewPartitions = false;
        this.pendingFrames.push(
          commentFrame(`partitions from ${partitionIndex} on are left out: a stream has no more`),
        );
        return;
      }
      this.positions.set(partitionIndex, 0);
    }
  }

  /** Until a fetch is answered, the stream is closed, or a heartbeat is due. */
  private async waitForWork(): Promise<void> {
    const { clock, timers } = this.client.ports;
    const quietMs = clock.nowMs() - this.sentMs;
    let isHeartbeat = false;
    await new Promise<void>((resolve) => {
      const heartbeat = timers.set(
        () => {
          isHeartbeat = true;
          resolve();
        },
        Math.max(STREAM_HEARTBEAT_MS - quietMs, 0),
      );
      this.wake = () => {
        heartbeat.cancel();
        resolve();
      };
    });
    if (isHeartbeat && !this.ended) this.pendingFrames.push(commentFrame("heartbeat"));
  }
}
