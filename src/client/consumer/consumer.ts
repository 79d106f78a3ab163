import { ErrorCode } from "#protocol/errors.ts";
import { Alarm } from "../alarm.ts";
import type { Client } from "../client.ts";
import type { Coordinator } from "../coordinator.ts";
import type { TopicView } from "../metadata.ts";
import { type Failure, failed, failure, type Outcome, success } from "../outcome.ts";
import { within } from "../retry.ts";
import { Signal } from "../signal.ts";
import { isHopeless } from "../topic-book.ts";
import {
  type GroupMetadata,
  isOffset,
  type OffsetAndMetadata,
  partitionKey,
  type TopicPartition,
} from "../topic-partition.ts";
import { Assignment, type PartitionState } from "./assignment.ts";
import { ClassicMembership } from "./classic-membership.ts";
import { Committer } from "./committer.ts";
import { type ConsumerRecord, Fetcher } from "./fetcher.ts";
import { GroupMembership } from "./group-membership.ts";
import type { Membership, RebalanceListener } from "./membership.ts";
import { offsetsAt, type TimeQuestion } from "./offset-queries.ts";
import type { OffsetAnswer } from "./offset-requests.ts";
import { openBook, openCoordinator, releaseLanes } from "./opening.ts";
import { CLOSED, type ConsumerParts } from "./parts.ts";
import { PositionLookup } from "./position-lookup.ts";
import { RebalanceDesk } from "./rebalance-desk.ts";
import { type ConsumerOptions, type ConsumerSettings, consumerSettings, EARLIEST, LATEST } from "./settings.ts";
import { Subscription, type SubscriptionWish } from "./subscription.ts";

const CLOSE_TIMEOUT_MS = 30_000;
/** How long a coordinator has to take the goodbye of a member that nobody waits for any more. */
const GOODBYE_TIMEOUT_MS = 1_000;
const NO_GROUP = failure(ErrorCode.INVALID_GROUP_ID, "The consumer has no group.id.");

/**
 * Opens a consumer with settings by their Kafka names (`CONSUMER_RULES`). INVALID_CONFIG names the one that is wrong. It needs closing;
 * the client may be shared.
 */
export function openConsumer(client: Client, options: ConsumerOptions = {}): Outcome<Consumer> {
  const settings = consumerSettings(options);
  return failed(settings) ? settings : success(new Consumer(client, settings.value));
}

/**
 * Reads records: of partitions that it is told (`assign`), or of those that its group gives it (`subscribe`), by the classic protocol or
 * by that of KIP-848. Everything that changes what it reads happens inside `poll`, which must be called again and again.
 *
 * Every outcome is a value: a failure has Kafka's error code.
 */
export class Consumer {
  readonly settings: ConsumerSettings;
  private readonly client: Client;
  private readonly lane: string;
  private readonly changed: Signal;
  private readonly parts: ConsumerParts;
  private readonly fetcher: Fetcher;
  private readonly coordinator: Coordinator | null;
  private readonly committer: Committer | null;
  private readonly lookup: PositionLookup;
  private subscribed: Subscription | null = null;
  private desk: RebalanceDesk | null = null;
  private membership: Membership | null = null;
  private seenVersion = -1;
  private problem: Failure | null = null;
  private isPolling = false;
  private isWoken = false;
  private isClosed = false;

  /** Use `openConsumer`. */
  constructor(client: Client, settings: ConsumerSettings) {
    this.client = client;
    this.settings = settings;
    const { ports } = client;
    this.lane = `consumer-${ports.random.uuid()}`;
    this.changed = new Signal(ports.timers);
    const notify = () => this.changed.notify();
    const book = openBook(client, settings, {
      lane: `${this.lane}-lookup`,
      isHeld: (topic) => this.holds(topic),
      onChange: () => this.metadataChanged(),
    });
    const complain = (problem: Failure) => {
      this.problem ??= problem;
      notify();
    };
    const alarm = new Alarm(ports, notify);
    this.parts = { client, settings, book, assignment: new Assignment(), notify, alarm, complain };
    this.fetcher = new Fetcher(this.parts, `${this.lane}-fetch`);
    this.coordinator = openCoordinator(client, settings, `${this.lane}-group`);
    this.committer = this.coordinator && this.openCommitter(this.coordinator);
    const access = this.coordinator && { coordinator: this.coordinator, metadata: () => this.groupMetadata() };
    this.lookup = new PositionLookup(this.parts, `${this.lane}-lookup`, access);
  }

  private openCommitter(coordinator: Coordinator): Committer {
    return new Committer(this.parts, {
      coordinator,
      lane: `${this.lane}-group`,
      metadata: () => this.groupMetadata(),
      refusal: () => this.membership?.refusal() ?? null,
      commitFailed: (errorCode, sentAs) => this.membership?.commitFailed(errorCode, sentAs) ?? false,
    });
  }

  /** Must the topic stay known, however long nobody asks for it? */
  private holds(topic: string): boolean {
    if (this.subscribed?.topics().includes(topic)) return true;
    if (this.membership instanceof ClassicMembership && this.membership.watches(topic)) return true;
    return this.parts.assignment.all().some((state) => state.topic === topic);
  }

  private metadataChanged(): void {
    if (this.membership instanceof ClassicMembership) this.membership.metadataChanged();
    for (const topic of this.subscribed?.topics() ?? []) {
      const error = this.parts.book.error(topic);
      if (isHopeless(error)) this.parts.complain(failure(error, `${topic} can't be read.`));
    }
    this.changed.notify();
  }

  /**
   * Reads what the group gives it of these topics, in place of what it subscribed to before; takes effect in the next `poll`.
   * INVALID_GROUP_ID: there is no group.id. INVALID_REQUEST: it reads partitions of its own choice, or `regex` needs
   * group.protocol=consumer.
   */
  subscribe(wish: SubscriptionWish, listener: RebalanceListener = {}): Outcome<void> {
    if (this.isClosed) return CLOSED;
    const { coordinator, committer, parts, lane, settings } = this;
    if (coordinator === null || committer === null) return NO_GROUP;
    if (this.membership === null && parts.assignment.all().length > 0) {
      return failure(ErrorCode.INVALID_REQUEST, "A consumer that was assigned partitions can't subscribe.");
    }
    const isConsumer = settings["group.protocol"] === "consumer";
    if ("regex" in wish && !isConsumer) {
      return failure(ErrorCode.INVALID_REQUEST, "A regular expression for the broker needs group.protocol=consumer.");
    }
    this.subscribed = new Subscription(wish, settings["exclude.internal.topics"]);
    this.desk ??= new RebalanceDesk(parts, committer);
    this.desk.take(this.subscribed, listener);
    parts.book.trackAll("pattern" in wish);
    for (const topic of this.subscribed.topics()) parts.book.track(topic);
    this.seenVersion = -1;
    if (this.membership === null) {
      const at = { host: this.desk, coordinator, groupId: settings["group.id"] ?? "", lane: `${lane}-group` };
      this.membership = isConsumer ? new GroupMembership(parts, at) : new ClassicMembership(parts, at);
    } else this.membership.subscriptionChanged();
    return success(undefined);
  }

  /** Reads exactly these partitions, without a group's say. INVALID_REQUEST: it is subscribed. */
  assign(partitions: readonly TopicPartition[]): Outcome<void> {
    if (this.isClosed) return CLOSED;
    if (this.membership !== null)
      return failure(ErrorCode.INVALID_REQUEST, "A consumer that is subscribed can't be assigned.");
    const wanted = new Set(partitions.map(partitionKey));
    const { assignment, book } = this.parts;
    assignment.remove(assignment.partitions().filter((partition) => !wanted.has(partitionKey(partition))));
    for (const { topic } of partitions) book.track(topic);
    assignment.add(partitions);
    this.changed.notify();
    return success(undefined);
  }

  /** Leaves the group, and reads nothing any more. */
  async unsubscribe(): Promise<void> {
    const { membership } = this;
    try {
      await this.desk?.giveUp(membership?.refusal() != null);
    } finally {
      this.membership = null;
      this.subscribed = null;
      this.desk = null;
      this.parts.assignment.remove(this.parts.assignment.partitions());
      this.parts.book.trackAll(false);
      await membership?.leave();
    }
  }

  assignment(): TopicPartition[] {
    return this.parts.assignment.partitions();
  }

  /** The topics that the subscription means now. */
  subscription(): readonly string[] {
    return this.subscribed?.topics() ?? [];
  }

  /**
   * The next records, at most `max.poll.records`, in order within each partition. Waits up to `timeoutMs` for the first one, and for an
   * assignment; none is no failure. Records are given out once: a failure comes instead of records, not in place of some.
   *
   * OFFSET_OUT_OF_RANGE: there is no usable position and `auto.offset.reset` is none; CORRUPT_MESSAGE: a batch can't be read;
   * FENCED_INSTANCE_ID and other errors of the group protocol are final.
   */
  async poll(timeoutMs: number): Promise<Outcome<ConsumerRecord[]>> {
    if (this.isClosed) return CLOSED;
    if (this.isPolling) return failure(ErrorCode.INVALID_REQUEST, "The consumer is being polled already.");
    this.isPolling = true;
    this.membership?.polling(true);
    try {
      return await this.pollUntil(this.client.ports.clock.nowMs() + timeoutMs);
    } finally {
      this.isPolling = false;
      if (!this.isClosed) this.membership?.polling(false);
    }
  }

  private async pollUntil(deadlineMs: number): Promise<Outcome<ConsumerRecord[]>> {
    const { clock } = this.client.ports;
    for (;;) {
      this.lookAtTopics();
      const member = (await this.membership?.poll(deadlineMs, () => this.isWoken)) ?? success(undefined);
      if (failed(member)) return member;
      if (this.isClosed) return CLOSED;
      const { problem } = this;
      this.problem = null;
      if (problem !== null) return problem;
      this.committer?.auto();
      this.lookup.start();
      const records = this.fetcher.give(this.settings["max.poll.records"]);
      this.fetcher.start();
      const leftMs = deadlineMs - clock.nowMs();
      if (records.length > 0 || leftMs <= 0 || this.isWoken) {
        this.isWoken = false;
        return success(records);
      }
      await this.changed.wait(leftMs);
    }
  }

  private lookAtTopics(): void {
    const { book } = this.parts;
    if (this.subscribed === null || book.version === this.seenVersion) return;
    this.seenVersion = book.version;
    if (this.subscribed.look(book.topics())) this.membership?.subscriptionChanged();
  }

  /** Lets the `poll` that waits, or the next one, return at once. */
  wakeup(): void {
    this.isWoken = true;
    this.membership?.woken();
    this.changed.notify();
  }

  /** Moves to another offset; what was fetched for the old one is dropped. UNKNOWN_TOPIC_OR_PARTITION: it isn't assigned. */
  seek(partition: TopicPartition, offset: number, leaderEpoch: number | null = null): Outcome<void> {
    if (!isOffset(offset)) return failure(ErrorCode.INVALID_REQUEST, `${offset} is no offset.`);
    return this.change([partition], (state) =>
      this.parts.assignment.seek(state, { offset, offsetEpoch: leaderEpoch ?? -1 }),
    );
  }

  /** To the first record that there is, looked up when it is needed. All assigned partitions without an argument. */
  seekToBeginning(partitions: readonly TopicPartition[] = this.assignment()): Outcome<void> {
    return this.change(partitions, (state) => this.parts.assignment.reset(state, EARLIEST));
  }

  /** Behind the last record (under read_committed: the last stable one). */
  seekToEnd(partitions: readonly TopicPartition[] = this.assignment()): Outcome<void> {
    return this.change(partitions, (state) => this.parts.assignment.reset(state, LATEST));
  }

  /** Nothing of these is given out until `resume`; the group doesn't notice. */
  pause(partitions: readonly TopicPartition[]): Outcome<void> {
    return this.change(partitions, (state) => {
      state.isPaused = true;
    });
  }

  resume(partitions: readonly TopicPartition[]): Outcome<void> {
    return this.change(partitions, (state) => {
      state.isPaused = false;
    });
  }

  paused(): TopicPartition[] {
    const states = this.parts.assignment.all().filter(({ isPaused }) => isPaused);
    return states.map(({ topic, partition }) => ({ topic, partition }));
  }

  private change(partitions: readonly TopicPartition[], change: (state: PartitionState) => void): Outcome<void> {
    const outcome = this.parts.assignment.change(partitions, change);
    this.changed.notify();
    return outcome;
  }

  /** The offset of the next record to be given out; looked up where that isn't known yet. REQUEST_TIMED_OUT: it can't be found out. */
  async position(
    partition: TopicPartition,
    timeoutMs = this.settings["default.api.timeout.ms"],
  ): Promise<Outcome<number>> {
    const { clock } = this.client.ports;
    const deadlineMs = clock.nowMs() + timeoutMs;
    for (;;) {
      const state = this.parts.assignment.get(partition);
      if (state === undefined)
        return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `${partitionKey(partition)} isn't assigned.`);
      if (state.position !== null) return success(state.position.offset);
      const leftMs = deadlineMs - clock.nowMs();
      if (leftMs <= 0 || this.isClosed) return failure(ErrorCode.REQUEST_TIMED_OUT, "The position isn't known yet.");
      this.lookup.start();
      await this.changed.wait(leftMs);
    }
  }

  /** Records between the position and the end as of the last fetch; null before one. */
  currentLag(partition: TopicPartition): number | null {
    const state = this.parts.assignment.get(partition);
    if (state === undefined || state.position === null) return null;
    const end = this.settings["isolation.level"] === "read_committed" ? state.lastStableOffset : state.highWatermark;
    return end < 0 ? null : Math.max(end - state.position.offset, 0);
  }

  /**
   * Commits offsets, or behind all that was given out, and tries again while that may help. ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID,
   * REBALANCE_IN_PROGRESS, FENCED_MEMBER_EPOCH: the group goes or has gone on without this member, which may have lost the partitions.
   */
  commitSync(
    offsets?: readonly OffsetAndMetadata[],
    timeoutMs = this.settings["default.api.timeout.ms"],
  ): Promise<Outcome<void>> {
    if (this.committer === null) return Promise.resolve(NO_GROUP);
    return this.committer.commit(offsets ?? this.committer.consumed(), timeoutMs);
  }

  /** The same, tried once. */
  commitAsync(offsets?: readonly OffsetAndMetadata[]): Promise<Outcome<void>> {
    return this.commitSync(offsets, 0);
  }

  /** What the group has committed, by `partitionKey`; partitions without a commit are missing. */
  committed(
    partitions: readonly TopicPartition[],
    timeoutMs = this.settings["default.api.timeout.ms"],
  ): Promise<Outcome<ReadonlyMap<string, OffsetAndMetadata>>> {
    return this.committer?.committed(partitions, timeoutMs) ?? Promise.resolve(NO_GROUP);
  }

  /** First offsets at or after times, by `partitionKey`; offset -1 where no record is that late. */
  offsetsForTimes(
    questions: readonly TimeQuestion[],
    timeoutMs = this.settings["default.api.timeout.ms"],
  ): Promise<Outcome<ReadonlyMap<string, OffsetAnswer>>> {
    return offsetsAt(this.parts, `${this.lane}-lookup`, questions, timeoutMs);
  }

  /** The offsets of the first records that there are. */
  beginningOffsets(partitions: readonly TopicPartition[]): Promise<Outcome<ReadonlyMap<string, OffsetAnswer>>> {
    return this.offsetsForTimes(partitions.map((one) => ({ ...one, timestamp: -2 })));
  }

  /** The offsets behind the last records; under read_committed behind the last stable one. */
  endOffsets(partitions: readonly TopicPartition[]): Promise<Outcome<ReadonlyMap<string, OffsetAnswer>>> {
    return this.offsetsForTimes(partitions.map((one) => ({ ...one, timestamp: -1 })));
  }

  /** A topic as the cluster tells of it now. */
  partitionsFor(topic: string): Promise<Outcome<TopicView>> {
    return this.client.topic(topic, { isFresh: true });
  }

  /** For a producer's `sendOffsetsToTransaction`: who this member is in its group. */
  groupMetadata(): GroupMetadata {
    return this.membership?.metadata() ?? { groupId: this.settings["group.id"] ?? "" };
  }

  /** Commits where that is automatic, leaves the group, and ends; gives up on what takes longer than `timeoutMs`. */
  async close(timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.changed.notify();
    try {
      await within<unknown>(this.client.ports.timers, timeoutMs, this.end(), undefined);
    } finally {
      this.parts.book.close();
      this.parts.alarm.cancel();
      // A listener that hangs may have kept it from leaving. Nobody waits for that now.
      const left = Promise.resolve(this.membership?.leave());
      const given = within<unknown>(this.client.ports.timers, GOODBYE_TIMEOUT_MS, left, undefined);
      void given.finally(() => releaseLanes(this.client, this.lane));
    }
  }

  private async end(): Promise<void> {
    const { desk, membership, committer } = this;
    // The fetches that wait would keep nobody waiting: they end with their connections.
    const fetched = this.fetcher.close();
    try {
      if (desk === null) await committer?.beforeLeaving(this.assignment());
      else await desk.giveUp(membership?.refusal() != null);
    } finally {
      await membership?.leave();
    }
    await fetched;
  }
}
