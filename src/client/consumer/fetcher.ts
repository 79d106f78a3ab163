import { MalformedMessageError } from "#bytes/malformed.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { FetchResponse } from "#protocol/messages/01-fetch.ts";
import { MAX_DECOMPRESSED_BATCH_BYTES } from "#records/compression.ts";
import type { RecordHeader } from "#records/record.ts";
import { consumerFetchApi } from "../apis.ts";
import { failed, failure, type Outcome } from "../outcome.ts";
import { delayMs } from "../retry.ts";
import type { PartitionState } from "./assignment.ts";
import { endpointsOf, type FetchedPartition, fetchVerdict } from "./fetch-answer.ts";
import { FetchSession, type FetchTarget } from "./fetch-session.ts";
import { FetchedRecords } from "./fetched-records.ts";
import { type ConsumerParts, isolationOf } from "./parts.ts";

/** A record as it is given out. Keys and values are views on what was fetched. */
export interface ConsumerRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Of the leader that appended it; -1 unknown. */
  readonly leaderEpoch: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

interface Wanted {
  readonly state: PartitionState;
  readonly target: FetchTarget;
}

/** What came for a partition and wasn't given out yet. */
interface Buffered {
  readonly state: PartitionState;
  readonly records: FetchedRecords;
}

/** Fetches ahead of what is given out: one request at each broker, over all partitions of which nothing is buffered. */
export class Fetcher {
  private readonly parts: ConsumerParts;
  private readonly lane: string;
  private readonly sessions = new Map<number, FetchSession>();
  private readonly busy = new Set<number>();
  private readonly failures = new Map<number, { count: number; retryAtMs: number }>();
  private buffered: Buffered[] = [];
  private turn = 0;
  private isClosed = false;

  constructor(parts: ConsumerParts, lane: string) {
    this.parts = parts;
    this.lane = lane;
  }

  /** Sends a request to each broker that has none and something to be asked. */
  start(): void {
    const nowMs = this.parts.client.ports.clock.nowMs();
    for (const [brokerId, wanted] of this.wanted(nowMs)) {
      const retryAtMs = this.failures.get(brokerId)?.retryAtMs ?? 0;
      if (this.busy.has(brokerId)) continue;
      if (retryAtMs > nowMs) this.parts.alarm.set(retryAtMs);
      else void this.fetch(brokerId, wanted);
    }
  }

  private wanted(nowMs: number): Map<number, Wanted[]> {
    const { assignment, book, settings, alarm } = this.parts;
    const withData = new Set(this.buffered.map(({ state }) => state));
    const brokers = new Map<number, Wanted[]>();
    const states = assignment.all();
    this.turn++;
    for (let index = 0; index < states.length; index++) {
      const state = states[(index + this.turn) % states.length];
      if (state.position === null || state.isPaused || state.isLeaving || withData.has(state)) continue;
      const topic = book.topic(state.topic);
      const leader = topic?.partitions[state.partition];
      if (topic === undefined || leader === undefined || leader.leaderId < 0) {
        book.refresh();
        continue;
      }
      if (state.needsValidation) continue;
      if (state.retryAtMs > nowMs) {
        alarm.set(state.retryAtMs);
        continue;
      }
      const brokerId = state.replicaId >= 0 && state.replicaUntilMs > nowMs ? state.replicaId : leader.leaderId;
      const target = {
        topicId: topic.topicId,
        partition: state.partition,
        fetchOffset: state.position.offset,
        currentLeaderEpoch: leader.leaderEpoch,
        partitionMaxBytes: settings["max.partition.fetch.bytes"],
      };
      const list = brokers.get(brokerId);
      if (list === undefined) brokers.set(brokerId, [{ state, target }]);
      else list.push({ state, target });
    }
    return brokers;
  }

  private async fetch(brokerId: number, wanted: readonly Wanted[]): Promise<void> {
    const { client, settings, book } = this.parts;
    const session = this.sessions.get(brokerId) ?? new FetchSession();
    this.sessions.set(brokerId, session);
    this.busy.add(brokerId);
    const maxWaitMs = settings["fetch.max.wait.ms"];
    const answer = await client.call(
      brokerId,
      consumerFetchApi,
      {
        maxWaitMs,
        minBytes: settings["fetch.min.bytes"],
        maxBytes: settings["fetch.max.bytes"],
        isolationLevel: isolationOf(settings),
        rackId: settings["client.rack"] ?? "",
        ...session.next(wanted.map(({ target }) => target)),
      },
      { lane: this.lane, timeoutMs: settings["request.timeout.ms"], waitMs: maxWaitMs },
    );
    this.busy.delete(brokerId);
    if (this.isClosed) return;
    if (failed(answer)) {
      session.lost();
      // A follower that has gone isn't asked again before the leader names one anew.
      for (const { state } of wanted) state.replicaId = -1;
    }
    const isAnswered = !failed(answer) && session.answered(answer.value.errorCode, answer.value.sessionId);
    this.noteBroker(brokerId, isAnswered);
    if (failed(answer)) book.refresh();
    else if (isAnswered) this.take(answer.value, wanted);
    this.parts.notify();
  }

  private noteBroker(brokerId: number, isAnswered: boolean): void {
    if (isAnswered) {
      this.failures.delete(brokerId);
      return;
    }
    const count = (this.failures.get(brokerId)?.count ?? 0) + 1;
    this.failures.set(brokerId, { count, retryAtMs: this.retryAtMs(count) });
  }

  private retryAtMs(failures: number): number {
    const { client, settings } = this.parts;
    const backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
    return client.ports.clock.nowMs() + delayMs(failures, backoff, client.ports.random);
  }

  private take(response: FetchResponse, wanted: readonly Wanted[]): void {
    const asked = new Map(wanted.map((one) => [`${one.target.topicId}/${one.target.partition}`, one]));
    for (const { topicId, partitions } of response.responses) {
      for (const fetched of partitions) {
        const one = asked.get(`${topicId}/${fetched.partitionIndex}`);
        if (one === undefined || !this.parts.assignment.holds(one.state)) continue;
        if (one.state.position?.offset !== one.target.fetchOffset) continue;
        if (fetched.errorCode === ErrorCode.NONE) this.takePartition(one, fetched);
        else this.takeError(one, fetched, response);
      }
    }
  }

  private takePartition({ state, target }: Wanted, fetched: FetchedPartition): void {
    const { client, settings } = this.parts;
    state.failures = 0;
    state.highWatermark = fetched.highWatermark;
    state.lastStableOffset = fetched.lastStableOffset;
    state.logStartOffset = fetched.logStartOffset;
    if (fetched.preferredReadReplica >= 0) {
      state.replicaId = fetched.preferredReadReplica;
      // The leader's word holds as long as all that is known of the cluster.
      state.replicaUntilMs = client.ports.clock.nowMs() + settings["metadata.max.age.ms"];
    }
    if (fetched.records === null || fetched.records.length === 0 || state.position === null) return;
    const isCommitted = isolationOf(settings) === 1;
    const bytes = {
      bytes: fetched.records,
      fetchOffset: target.fetchOffset,
      aborted: isCommitted ? (fetched.abortedTransactions ?? []) : null,
      checksCrcs: settings["check.crcs"],
      maxBatchBytes: MAX_DECOMPRESSED_BATCH_BYTES,
    };
    this.buffered.push({ state, records: new FetchedRecords(client.ports, bytes, state.position) });
  }

  private takeError({ state }: Wanted, fetched: FetchedPartition, response: FetchResponse): void {
    const { book, complain } = this.parts;
    const { errorCode, currentLeader } = fetched;
    const verdict = fetchVerdict(errorCode);
    if (verdict === "out-of-range") {
      this.outOfRange(state);
      return;
    }
    if (verdict === "fail") complain(failure(errorCode, `${state.topic}/${state.partition} can't be read.`));
    state.replicaId = -1;
    if (verdict === "other-leader") {
      if (book.hintLeader(state.topic, state.partition, currentLeader, endpointsOf(response))) return;
      book.refresh();
    }
    state.retryAtMs = this.retryAtMs(++state.failures);
  }

  private outOfRange(state: PartitionState): void {
    const { assignment, settings, complain } = this.parts;
    if (state.replicaId >= 0) {
      // A follower may not be there yet: the leader knows better.
      state.replicaId = -1;
      return;
    }
    const policy = settings["auto.offset.reset"];
    if (policy.kind !== "none") {
      assignment.reset(state, policy);
      return;
    }
    const place = `${state.topic}/${state.partition}`;
    complain(failure(ErrorCode.OFFSET_OUT_OF_RANGE, `Offset ${state.position?.offset} of ${place} isn't there.`));
    state.retryAtMs = this.retryAtMs(++state.failures);
  }

  /** Gives out up to `count` records of what is buffered, and moves the positions behind them. */
  give(count: number): ConsumerRecord[] {
    const given: ConsumerRecord[] = [];
    const kept: Buffered[] = [];
    for (const [index, one] of this.buffered.entries()) {
      if (given.length >= count) {
        kept.push(...this.buffered.slice(index));
        break;
      }
      const { state, records } = one;
      const isStale = !this.parts.assignment.holds(state) || state.position !== records.position;
      if (isStale || state.isLeaving) continue;
      if (state.isPaused) kept.push(one);
      else if (!this.empty(one, given, count)) kept.push(one);
    }
    this.buffered = kept;
    return given;
  }

  /** True when nothing of the buffered is left. */
  private empty({ state, records }: Buffered, given: ConsumerRecord[], count: number): boolean {
    const { topic, partition } = state;
    try {
      for (;;) {
        if (given.length >= count) return false;
        const record = records.next();
        this.parts.assignment.advance(state, records.position);
        if (record === null) return true;
        given.push({ topic, partition, ...record });
      }
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      state.retryAtMs = this.retryAtMs(++state.failures);
      this.parts.complain(failure(ErrorCode.CORRUPT_MESSAGE, `${topic}/${partition}: ${error.message}`));
      return true;
    }
  }

  /** Ends the sessions at the brokers, without waiting for them. */
  close(): Promise<unknown> {
    this.isClosed = true;
    this.buffered = [];
    const ends: Promise<Outcome<unknown>>[] = [];
    for (const [brokerId, session] of this.sessions) {
      const draft = session.close();
      // One that waits for records would keep the end waiting, too; the broker forgets the session by itself.
      if (draft === null || this.busy.has(brokerId)) continue;
      ends.push(
        this.parts.client.call(
          brokerId,
          consumerFetchApi,
          { ...draft, maxWaitMs: 0 },
          { lane: this.lane, timeoutMs: 1_000 },
        ),
      );
    }
    return Promise.all(ends);
  }
}
