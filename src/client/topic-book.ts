import { type Uuid, ZERO_UUID } from "#bytes/uuid.ts";
import type { TimerHandle } from "#ports/timers.ts";
import type { BrokerAddress } from "#ports/transport.ts";
import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import type { MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { metadataApi } from "./apis.ts";
import type { Client } from "./client.ts";
import { clusterView, type PartitionView, type TopicView, topicView } from "./metadata.ts";
import { failed } from "./outcome.ts";
import { type Backoff, delayMs } from "./retry.ts";

export interface BookOptions {
  /** `metadata.max.age.ms`: how long what stands here is believed without asking again. */
  readonly maxAgeMs: number;
  readonly backoff: Backoff;
  readonly requestTimeoutMs: number;
  readonly lane: string;
  /** Let the cluster create a topic that is asked for and doesn't exist. */
  readonly mayCreate: boolean;
  /** Does somebody still need the topic, though it wasn't asked for in a long time? */
  readonly isHeld?: (name: string) => boolean;
  /** Called after each answer and each failure to get one. */
  readonly onChange: () => void;
}

/**
 * A topic that nobody asked for in this time isn't kept known (Kafka's default of `metadata.max.idle.ms`): else one that was deleted would
 * be created again by asking for it.
 */
const METADATA_MAX_IDLE_MS = 300_000;

/** Errors that a topic keeps: waiting wouldn't help. */
export function isHopeless(errorCode: ErrorCode): boolean {
  return errorCode === ErrorCode.INVALID_TOPIC_EXCEPTION || errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED;
}

/** Where a leader is now, as an answer of the partition's former leader says it (KIP-951). */
export interface LeaderHint {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/**
 * What a long-lived producer or consumer knows of the topics it uses. One Metadata request is on its way at a time; after a failure
 * the next one waits. An answer that is older than what is known (a lower leader epoch) changes nothing.
 */
export class TopicBook {
  private readonly client: Client;
  private readonly options: BookOptions;
  /** When each was last asked for, on the clock. */
  private readonly names = new Map<string, number>();
  private readonly ids = new Set<Uuid>();
  private wantsAll = false;
  private readonly views = new Map<string, TopicView>();
  private readonly byId = new Map<Uuid, TopicView>();
  private readonly errors = new Map<string, ErrorCode>();
  private isAsking = false;
  private isWanted = false;
  /** Nothing is asked for any more. */
  isClosed = false;
  /** Requests in a row that got no answer. */
  private failures = 0;
  /** Answers in a row in which a topic was missing, or a leader. */
  private gaps = 0;
  private askedMs = Number.NEGATIVE_INFINITY;
  private timer: TimerHandle | null = null;
  /** Counts answers: whoever saw it grow has seen a newer picture. */
  version = 0;

  constructor(client: Client, options: BookOptions) {
    this.client = client;
    this.options = options;
  }

  /** Keeps the topic known as long as it is asked for again and again, or held; asks at once when it isn't. */
  track(name: string): void {
    if (this.touch(name)) return;
    this.names.set(name, this.client.ports.clock.nowMs());
    this.ask();
  }

  private touch(name: string): boolean {
    if (!this.names.has(name)) return false;
    this.names.set(name, this.client.ports.clock.nowMs());
    return true;
  }

  /** The same by its id, which the asked broker may not know yet: then `refresh` asks again. */
  trackId(topicId: Uuid): void {
    if (this.ids.has(topicId) || this.byId.has(topicId)) return;
    this.ids.add(topicId);
    this.ask();
  }

  /** Keeps all topics of the cluster known: a pattern looks through them. */
  trackAll(wantsAll: boolean): void {
    if (this.wantsAll === wantsAll) return;
    this.wantsAll = wantsAll;
    if (wantsAll) this.ask();
  }

  topic(name: string): TopicView | undefined {
    return this.views.get(name);
  }

  topicById(topicId: Uuid): TopicView | undefined {
    return this.byId.get(topicId);
  }

  topics(): IterableIterator<TopicView> {
    return this.views.values();
  }

  /** What the last answer said of a topic that isn't known; NONE where there was none yet. Whoever waits for it keeps it known. */
  error(name: string): ErrorCode {
    this.touch(name);
    return this.errors.get(name) ?? ErrorCode.NONE;
  }

  /** Whoever has something for it keeps it known. */
  partition(name: string, index: number): PartitionView | undefined {
    this.touch(name);
    return this.views.get(name)?.partitions[index];
  }

  /** What is known has proved wrong: asks again, as soon as the backoff allows it. */
  refresh(): void {
    this.ask();
  }

  /** Takes a newer leader into the book at once. True when that changed something. */
  hintLeader(name: string, index: number, hint: LeaderHint, endpoints: readonly BrokerAddress[]): boolean {
    const view = this.views.get(name);
    const known = view?.partitions[index];
    if (view === undefined || known === undefined || hint.leaderId < 0 || hint.leaderEpoch <= known.leaderEpoch)
      return false;
    if (endpoints.length > 0) this.client.ports.transport.learn?.(endpoints);
    const partitions = view.partitions.map((partition) =>
      partition === known ? { ...partition, ...hint } : partition,
    );
    this.put({ ...view, partitions });
    return true;
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
  }

  private ask(): void {
    this.isWanted = true;
    if (this.isAsking || this.isClosed) return;
    const nowMs = this.client.ports.clock.nowMs();
    const { backoff } = this.options;
    // A picture that has just come and proves wrong again is asked for anew only after a while, as after a failure.
    const earliestMs = this.askedMs + delayMs(Math.max(this.failures, this.gaps, 1), backoff, this.client.ports.random);
    this.timer?.cancel();
    if (this.failures === 0 && this.hasUnknown()) this.start();
    else if (nowMs >= earliestMs) this.start();
    else this.timer = this.client.ports.timers.set(() => this.start(), earliestMs - nowMs);
  }

  /** Is there a topic that no answer has said anything about? */
  private hasUnknown(): boolean {
    for (const name of this.names.keys()) if (!this.views.has(name) && !this.errors.has(name)) return true;
    return false;
  }

  /** Does a topic lack something that may come by itself: its creation, a leader? */
  private hasGaps(): boolean {
    for (const name of this.names.keys()) {
      if (isRetriable(this.errors.get(name) ?? ErrorCode.NONE)) return true;
      if (this.views.get(name)?.partitions.some(({ leaderId }) => leaderId < 0)) return true;
    }
    return false;
  }

  private start(): void {
    if (this.isAsking || this.isClosed) return;
    this.isAsking = true;
    this.isWanted = false;
    this.askedMs = this.client.ports.clock.nowMs();
    void this.askOnce().then((isAnswered) => {
      this.isAsking = false;
      if (this.isClosed) return;
      this.failures = isAnswered ? 0 : this.failures + 1;
      this.gaps = this.hasGaps() ? this.gaps + 1 : 0;
      this.options.onChange();
      if (!isAnswered || this.isWanted || this.gaps > 0 || this.hasUnknown()) this.ask();
      else {
        this.timer?.cancel();
        this.timer = this.client.ports.timers.set(() => this.start(), this.options.maxAgeMs);
      }
    });
  }

  private forgetIdle(): void {
    const nowMs = this.client.ports.clock.nowMs();
    for (const [name, usedMs] of this.names) {
      if (nowMs - usedMs < METADATA_MAX_IDLE_MS || this.options.isHeld?.(name)) continue;
      this.names.delete(name);
      this.errors.delete(name);
      if (!this.wantsAll) this.drop(name);
    }
  }

  private async askOnce(): Promise<boolean> {
    this.forgetIdle();
    const asked = [...this.names.keys()];
    const named = asked.map((name) => ({ name }));
    const byId = [...this.ids].map((topicId) => ({ topicId, name: null }));
    const draft = {
      topics: this.wantsAll ? null : [...named, ...byId],
      allowAutoTopicCreation: this.options.mayCreate && !this.wantsAll,
    };
    const { lane, requestTimeoutMs: timeoutMs } = this.options;
    const answer = await this.client.call(null, metadataApi, draft, { lane, timeoutMs });
    if (failed(answer)) return false;
    this.client.ports.transport.learn?.(clusterView(answer.value).brokers);
    this.version++;
    const seen = new Set<string>();
    for (const topic of answer.value.topics) {
      if (topic.topicId !== ZERO_UUID && topic.errorCode === ErrorCode.NONE) this.ids.delete(topic.topicId);
      if (topic.name === null || topic.name === "") continue;
      seen.add(topic.name);
      this.take(topic.name, topic);
    }
    if (draft.topics === null) for (const name of [...this.views.keys()]) if (!seen.has(name)) this.drop(name);
    for (const name of asked) if (!seen.has(name)) this.errors.set(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    return true;
  }

  private take(name: string, topic: MetadataResponse["topics"][number]): void {
    if (topic.errorCode !== ErrorCode.NONE) {
      this.errors.set(name, topic.errorCode as ErrorCode);
      // A topic that is gone is forgotten; one that can't be told of now stays as it was.
      if (topic.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) this.drop(name);
      return;
    }
    this.errors.delete(name);
    const fresh = topicView(topic);
    const known = this.views.get(name);
    if (known === undefined || known.topicId !== fresh.topicId) {
      if (known !== undefined) this.drop(name);
      this.put(fresh);
      return;
    }
    const partitions = fresh.partitions.map((partition, index) => {
      const before = known.partitions[index];
      return before !== undefined && before.leaderEpoch > partition.leaderEpoch ? before : partition;
    });
    this.put({ ...fresh, partitions });
  }

  private put(view: TopicView): void {
    this.views.set(view.name, view);
    this.byId.set(view.topicId, view);
  }

  private drop(name: string): void {
    const view = this.views.get(name);
    if (view !== undefined) this.byId.delete(view.topicId);
    this.views.delete(name);
  }
}
