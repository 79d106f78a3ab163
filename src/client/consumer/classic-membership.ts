import type { TimerHandle } from "#ports/timers.ts";
import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import type { Coordinator } from "../coordinator.ts";
import { type Failure, failed, failure, type Outcome, success } from "../outcome.ts";
import { delayMs, sleep } from "../retry.ts";
import { Signal } from "../signal.ts";
import { type GroupMetadata, isSameMember, partitionKey, type TopicPartition } from "../topic-partition.ts";
import {
  assignorMembers,
  type ClassicCaller,
  type Generation,
  heartbeat,
  joinGroup,
  leaveGroup,
  NO_GENERATION,
  syncGroup,
} from "./classic-requests.ts";
import type { Membership, RebalanceHost } from "./membership.ts";
import type { ConsumerParts } from "./parts.ts";
import { PollWatch, watched } from "./poll-watch.ts";

/** What one attempt to join came to. */
type Joined = Outcome<{ readonly generation: Generation; readonly partitions: readonly TopicPartition[] }>;

/** The group goes on, but this member must join anew, as somebody else. */
const EXPELLED: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION]);
/** How long the leader waits for the partition counts of topics that only other members read. */
const TOPICS_TIMEOUT_MS = 5_000;
const GONE = failure(ErrorCode.OPERATION_NOT_ATTEMPTED);

/**
 * A member of a group by the classic protocol: JoinGroup, SyncGroup, heartbeats. With only cooperative assignors it keeps its partitions
 * while the group rebalances (KIP-429), else it gives all up first. A rebalance begins and ends inside `poll`; its requests go on
 * outside of it, as heartbeats do.
 */
export class ClassicMembership implements Membership {
  private readonly parts: ConsumerParts;
  private readonly host: RebalanceHost;
  private readonly coordinator: Coordinator;
  private readonly groupId: string;
  private readonly lane: string;
  private readonly changed: Signal;
  private readonly watch: PollWatch;
  private generation: Generation = NO_GENERATION;
  /** Kept when the generation is lost: the next join tells it to sticky assignors. */
  private lastHeld: { partitions: readonly TopicPartition[]; generationId: number } = {
    partitions: [],
    generationId: -1,
  };
  private needsJoin = true;
  private isPrepared = false;
  /** What it holds may have another owner. */
  private hasLost = false;
  private isJoining = false;
  private joined: Joined | null = null;
  private failures = 0;
  private problem: Failure | null = null;
  private isOver = false;
  /** The application stopped polling while a join was underway: what it brings is given up. */
  private isLate = false;
  private beat: TimerHandle | null = null;
  private heardMs = 0;
  private joinedTopics = "";
  /** The partition counts by which this member, as leader, has shared out; null when it isn't the leader. */
  private counts: ReadonlyMap<string, number> | null = null;

  constructor(
    parts: ConsumerParts,
    at: { host: RebalanceHost; coordinator: Coordinator; groupId: string; lane: string },
  ) {
    this.parts = parts;
    this.coordinator = at.coordinator;
    this.groupId = at.groupId;
    this.lane = at.lane;
    const { timers } = parts.client.ports;
    this.changed = new Signal(timers);
    this.watch = new PollWatch(timers, parts.settings["max.poll.interval.ms"], () => void this.expire());
    this.host = watched(at.host, this.watch);
  }

  private get isCooperative(): boolean {
    return this.parts.settings["partition.assignment.strategy"].every((assignor) => assignor.isCooperative);
  }

  async poll(deadlineMs: number, isWoken: () => boolean): Promise<Outcome<void>> {
    const { clock } = this.parts.client.ports;
    for (;;) {
      if (this.problem !== null) return this.problem;
      if (!this.mustJoin()) return success(undefined);
      if (this.joined !== null) {
        const { joined } = this;
        this.joined = null;
        await this.complete(joined);
        continue;
      }
      if (!this.isJoining) {
        await this.prepare();
        // Expelled or ended while the listener ran: there is something else to do first.
        if (!this.isPrepared || this.problem !== null || this.isOver) continue;
        void this.join();
      }
      const leftMs = deadlineMs - clock.nowMs();
      if (leftMs <= 0 || isWoken()) return success(undefined);
      await this.changed.wait(leftMs);
    }
  }

  woken(): void {
    this.changed.notify();
  }

  polling(isInside: boolean): void {
    this.isLate = false;
    if (!this.isOver) this.watch.polling(isInside);
  }

  subscriptionChanged(): void {
    if (this.topicsText() !== this.joinedTopics) this.needsJoin = true;
  }

  metadata(): GroupMetadata {
    const { memberId, generationId } = this.generation;
    const groupInstanceId = this.parts.settings["group.instance.id"];
    return { groupId: this.groupId, generationIdOrMemberEpoch: generationId, memberId, groupInstanceId };
  }

  refusal(): Failure | null {
    if (!this.hasLost && this.generation.generationId >= 0) return null;
    return failure(this.isJoining ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.UNKNOWN_MEMBER_ID);
  }

  /** Does this member, as leader, compare the topic with what it has shared out? */
  watches(topic: string): boolean {
    return this.counts?.has(topic) ?? false;
  }

  commitFailed(errorCode: number, sentAs: GroupMetadata): boolean {
    // While it joins, the answer to that tells more.
    if (this.isJoining || !isSameMember(sentAs, this.metadata())) return false;
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) this.needsJoin = true;
    else if (EXPELLED.has(errorCode)) this.expelled(errorCode);
    else if (errorCode === ErrorCode.FENCED_INSTANCE_ID) this.end(failure(errorCode));
    return false;
  }

  /** Is there a rebalance to take part in? */
  private mustJoin(): boolean {
    if (this.isOver) return false;
    if (!this.needsJoin && !this.isJoining && this.joined === null && this.topicsChanged()) this.needsJoin = true;
    return this.needsJoin || this.isJoining || this.joined !== null;
  }

  /** Has a topic of the group as its leader knows it more partitions now, or come into being, or gone? */
  private topicsChanged(): boolean {
    if (this.counts === null) return false;
    for (const [topic, count] of this.counts) {
      if ((this.parts.book.topic(topic)?.partitions.length ?? 0) !== count) return true;
    }
    return false;
  }

  private topicsText(): string {
    return this.host.topics().toSorted().join("\n");
  }

  /** Gives up what may not be kept through the rebalance. */
  private async prepare(): Promise<void> {
    if (this.isPrepared) return;
    this.isPrepared = true;
    const owned = this.host.owned();
    this.rememberHeld();
    const { hasLost } = this;
    // Before the listener runs: it may throw, and the member may be expelled meanwhile.
    this.hasLost = false;
    if (hasLost) await this.host.lose(owned);
    else if (!this.isCooperative) await this.host.revoke(owned);
    else {
      const topics = new Set(this.host.topics());
      await this.host.revoke(owned.filter(({ topic }) => !topics.has(topic)));
    }
  }

  private rememberHeld(): void {
    const partitions = this.host.owned();
    if (partitions.length === 0 || this.generation.generationId < 0) return;
    this.lastHeld = { partitions, generationId: this.generation.generationId };
  }

  private async join(): Promise<void> {
    const before = this.generation;
    this.isJoining = true;
    this.needsJoin = false;
    this.stopBeating();
    this.joinedTopics = this.topicsText();
    const topics = this.host.topics();
    if (this.failures > 0) await sleep(this.parts.client.ports.timers, this.pauseMs());
    this.joined = this.isOver ? GONE : await this.attempt(topics);
    this.isJoining = false;
    if (this.isLate) void this.expire();
    else if (this.generation !== before && this.generation.generationId >= 0) {
      // The coordinator counts on heartbeats from its answer on, whenever the application polls again.
      this.heardMs = this.parts.client.ports.clock.nowMs();
      this.scheduleBeat();
    }
    this.changed.notify();
    this.parts.notify();
  }

  private pauseMs(): number {
    const { settings, client } = this.parts;
    const backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
    return delayMs(this.failures, backoff, client.ports.random);
  }

  private async attempt(topics: readonly string[]): Promise<Joined> {
    // Joining may take long: commits don't wait for it.
    const caller = await this.caller(`${this.lane}-join`);
    if (failed(caller)) return caller;
    // What is asked for now would open again what was closed.
    if (this.isOver) return GONE;
    const wish = {
      memberId: this.generation.memberId,
      topics,
      owned: this.host.owned(),
      held: this.lastHeld.partitions,
      generationId: this.lastHeld.generationId,
    };
    const answer = await joinGroup(caller.value, wish);
    if (failed(answer)) return answer;
    const { errorCode, memberId, generationId, protocolName, leader, skipAssignment } = answer.value;
    if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.generation = { ...NO_GENERATION, memberId };
    if (errorCode !== ErrorCode.NONE) return failure(errorCode);
    const generation = { memberId, generationId, protocolName: protocolName ?? "" };
    // From here on the broker knows the member by this generation, also when the rest fails.
    this.generation = generation;
    const isLeader = leader === memberId;
    if (!isLeader) this.counts = null;
    const assigned = isLeader && !skipAssignment ? await this.shareOut(answer.value) : new Map();
    if (this.isOver) return GONE;
    const partitions = await syncGroup(caller.value, generation, assigned);
    return failed(partitions) ? partitions : success({ generation, partitions: partitions.value });
  }

  private async shareOut(
    response: Parameters<typeof assignorMembers>[0],
  ): Promise<ReadonlyMap<string, readonly TopicPartition[]>> {
    const members = assignorMembers(response);
    const topics = [...new Set(members.flatMap((member) => member.topics))];
    const { book, settings, client } = this.parts;
    for (const topic of topics) book.track(topic);
    const deadlineMs = client.ports.clock.nowMs() + TOPICS_TIMEOUT_MS;
    const isUnknown = (topic: string) => book.topic(topic) === undefined && book.error(topic) === ErrorCode.NONE;
    while (!this.isOver && topics.some(isUnknown) && client.ports.clock.nowMs() < deadlineMs) {
      await this.changed.wait(deadlineMs - client.ports.clock.nowMs());
    }
    this.counts = new Map(topics.map((topic) => [topic, book.topic(topic)?.partitions.length ?? 0]));
    const known = new Map([...this.counts].filter(([, count]) => count > 0));
    const assignor = settings["partition.assignment.strategy"].find(({ name }) => name === response.protocolName);
    return assignor?.assign(members, known) ?? new Map();
  }

  /** News of the cluster: the leader may wait for it. */
  metadataChanged(): void {
    this.changed.notify();
  }

  /** Takes what the rebalance brought, inside `poll`. */
  private async complete(joined: Joined): Promise<void> {
    if (failed(joined)) return this.joinFailed(joined);
    this.failures = 0;
    this.isPrepared = false;
    const { partitions, generation } = joined.value;
    const now = new Set(partitions.map(partitionKey));
    const owned = this.host.owned();
    const before = new Set(owned.map(partitionKey));
    const revoked = owned.filter((partition) => !now.has(partitionKey(partition)));
    // What goes to another member is free only now: the next rebalance gives it out.
    if (revoked.length > 0) this.needsJoin = true;
    try {
      await this.host.revoke(revoked);
    } finally {
      // What came is this member's also when the listener throws; not when it was expelled or closed meanwhile.
      if (this.generation === generation && !this.isOver)
        await this.host.assign(partitions.filter((partition) => !before.has(partitionKey(partition))));
      this.rememberHeld();
    }
  }

  private joinFailed(reason: Failure): void {
    const { errorCode } = reason;
    this.coordinator.note(errorCode);
    this.needsJoin = true;
    if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) return;
    if (EXPELLED.has(errorCode)) {
      this.expelled(errorCode);
      return;
    }
    const isAgain = isRetriable(errorCode) || errorCode === ErrorCode.REBALANCE_IN_PROGRESS;
    if (!isAgain) {
      this.end(reason);
      return;
    }
    if (errorCode !== ErrorCode.REBALANCE_IN_PROGRESS) this.failures++;
  }

  /** The group has gone on without this member. */
  private expelled(errorCode: number): void {
    const memberId = errorCode === ErrorCode.UNKNOWN_MEMBER_ID ? "" : this.generation.memberId;
    this.rememberHeld();
    this.generation = { ...NO_GENERATION, memberId };
    // What a join has brought belongs to a generation that is gone.
    this.joined = null;
    this.needsJoin = true;
    this.isPrepared = false;
    this.hasLost = true;
    this.stopBeating();
    this.parts.notify();
  }

  private end(reason: Failure): void {
    this.problem = reason;
    this.stopBeating();
    this.parts.notify();
  }

  private scheduleBeat(): void {
    this.stopBeating();
    if (this.isOver || this.problem !== null) return;
    const { timers } = this.parts.client.ports;
    this.beat = timers.set(() => void this.sendBeat(), this.parts.settings["heartbeat.interval.ms"]);
  }

  private stopBeating(): void {
    this.beat?.cancel();
    this.beat = null;
  }

  private async sendBeat(): Promise<void> {
    const { generation } = this;
    const { clock } = this.parts.client.ports;
    const caller = await this.caller();
    const answer = failed(caller) ? caller : await heartbeat(caller.value, generation);
    // A rebalance began or ended meanwhile: the answer is about a generation that is past.
    if (this.isOver || this.isJoining || generation !== this.generation) return;
    if (!failed(answer)) this.heardMs = clock.nowMs();
    else this.beatFailed(answer);
    if (clock.nowMs() - this.heardMs > this.parts.settings["session.timeout.ms"]) {
      this.coordinator.note(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    }
    if (generation === this.generation && this.problem === null && !this.isJoining) this.scheduleBeat();
  }

  private beatFailed(reason: Failure): void {
    const { errorCode } = reason;
    this.coordinator.note(errorCode);
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) {
      this.heardMs = this.parts.client.ports.clock.nowMs();
      this.needsJoin = true;
      this.parts.notify();
    } else if (EXPELLED.has(errorCode)) this.expelled(errorCode);
    else if (!isRetriable(errorCode)) this.end(reason);
  }

  /** The application hasn't polled for too long: the others shall have its partitions. */
  private async expire(): Promise<void> {
    const { memberId } = this.generation;
    this.isLate = this.isJoining;
    if (memberId === "" || this.isOver || this.isJoining) return;
    const isStatic = this.parts.settings["group.instance.id"] !== null;
    this.expelled(ErrorCode.UNKNOWN_MEMBER_ID);
    if (isStatic) return;
    const caller = await this.caller();
    if (!failed(caller)) await leaveGroup(caller.value, memberId, "consumer poll timeout has expired");
  }

  async leave(): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    this.watch.stop();
    this.stopBeating();
    this.changed.notify();
    this.parts.client.ports.transport.release?.(`${this.lane}-join`);
    const { memberId } = this.generation;
    if (memberId === "" || this.parts.settings["group.instance.id"] !== null) return;
    const caller = await this.caller();
    if (!failed(caller)) await leaveGroup(caller.value, memberId, "the consumer is being closed");
    this.generation = NO_GENERATION;
  }

  private async caller(lane = this.lane): Promise<Outcome<ClassicCaller>> {
    const found = await this.coordinator.find();
    if (failed(found)) return found;
    const { client, settings } = this.parts;
    const call = { lane, timeoutMs: settings["request.timeout.ms"] };
    return success({ client, call, brokerId: found.value, settings, groupId: this.groupId });
  }
}
