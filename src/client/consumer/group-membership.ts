import type { Uuid } from "#bytes/uuid.ts";
import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import type { ConsumerGroupHeartbeatResponse } from "#protocol/messages/68-consumer-group-heartbeat.ts";
import { Alarm } from "../alarm.ts";
import { consumerGroupHeartbeatApi } from "../apis.ts";
import type { Coordinator } from "../coordinator.ts";
import { type Failure, failed, failure, type Outcome, success } from "../outcome.ts";
import { delayMs } from "../retry.ts";
import { type GroupMetadata, isSameMember } from "../topic-partition.ts";
import { HeartbeatDraft, type MemberSays } from "./group-heartbeat.ts";
import type { Membership, RebalanceHost } from "./membership.ts";
import type { ConsumerParts } from "./parts.ts";
import { PollWatch, watched } from "./poll-watch.ts";
import { stepTo, type Target } from "./target-assignment.ts";

const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
/** A static member goes, and will be back. */
const PAUSE_EPOCH = -2;
const FIRST_INTERVAL_MS = 3_000;

/** The coordinator no longer counts on this member: it holds nothing, and joins anew. */
const FENCED: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH]);

/**
 * A member of a consumer group (KIP-848): the coordinator shares out, and heartbeats tell what it wants and what the member holds.
 * Heartbeats go on outside of `poll`; partitions change hands inside of it.
 */
export class GroupMembership implements Membership {
  private readonly parts: ConsumerParts;
  private readonly host: RebalanceHost;
  private readonly coordinator: Coordinator;
  private readonly groupId: string;
  private readonly lane: string;
  private readonly watch: PollWatch;
  private readonly alarm: Alarm;
  private readonly draft = new HeartbeatDraft();
  private readonly memberId: Uuid;
  private memberEpoch = JOIN_EPOCH;
  private target: Target | null = null;
  private isBeating = false;
  /** Something is to be said that can't wait for the next heartbeat. */
  private isUrgent = false;
  private intervalMs = FIRST_INTERVAL_MS;
  private failures = 0;
  private problem: Failure | null = null;
  private hasLost = false;
  /** The listener hears of what was lost, and may not commit it under the epoch that the member has by now. */
  private isLosing = false;
  private hasBegun = false;
  /** Silent until the next poll: the application had stopped polling. */
  private isAway = false;
  /** How often it was. What it had asked for before, somebody else asked for who has left. */
  private absences = 0;
  private isOver = false;

  constructor(
    parts: ConsumerParts,
    at: { host: RebalanceHost; coordinator: Coordinator; groupId: string; lane: string },
  ) {
    this.parts = parts;
    this.coordinator = at.coordinator;
    this.groupId = at.groupId;
    this.lane = at.lane;
    const { ports } = parts.client;
    this.memberId = ports.random.uuid();
    this.alarm = new Alarm(ports, () => void this.beat());
    this.watch = new PollWatch(ports.timers, parts.settings["max.poll.interval.ms"], () => void this.expire());
    this.host = watched(at.host, this.watch);
  }

  async poll(): Promise<Outcome<void>> {
    do {
      if (this.problem !== null) return this.problem;
      if (this.isOver) return success(undefined);
      if (this.hasLost) {
        // Before the listener runs: it may throw, and the member may be fenced meanwhile.
        this.hasLost = false;
        this.isLosing = true;
        try {
          await this.host.lose(this.host.owned());
        } finally {
          this.isLosing = false;
        }
      }
      if (!this.hasBegun || this.isAway) {
        this.hasBegun = true;
        this.isAway = false;
        void this.beat();
      }
      await this.reconcile();
      // What was lost while the listener ran goes before anything is given out.
    } while (this.hasLost);
    return success(undefined);
  }

  /** Its `poll` waits for nothing but the listener. */
  woken(): void {}

  polling(isInside: boolean): void {
    if (!this.isOver) this.watch.polling(isInside);
  }

  subscriptionChanged(): void {
    if (this.hasBegun) void this.beat();
  }

  metadata(): GroupMetadata {
    const { memberId, memberEpoch, groupId } = this;
    const groupInstanceId = this.parts.settings["group.instance.id"];
    const isMember = this.isPlaced;
    return {
      groupId,
      memberId: isMember ? memberId : "",
      generationIdOrMemberEpoch: isMember ? memberEpoch : -1,
      groupInstanceId,
    };
  }

  refusal(): Failure | null {
    return this.isPlaced ? null : failure(ErrorCode.UNKNOWN_MEMBER_ID);
  }

  /** Has it a place in the group, to which all that it holds belongs? */
  private get isPlaced(): boolean {
    return !this.hasLost && !this.isLosing && this.memberEpoch > JOIN_EPOCH;
  }

  commitFailed(errorCode: number, sentAs: GroupMetadata): boolean {
    // The epoch has grown since; the next heartbeat tells how far.
    if (errorCode === ErrorCode.STALE_MEMBER_EPOCH) return true;
    if (FENCED.has(errorCode) && isSameMember(sentAs, this.metadata())) this.fenced();
    return false;
  }

  /** Goes the way to the target as far as it can be gone, and tells the coordinator. */
  private async reconcile(): Promise<void> {
    const { target } = this;
    if (target === null || this.isOver) return;
    const { book } = this.parts;
    const { revoked, added, unknown } = stepTo(target, this.host.owned(), book);
    for (const topicId of unknown) book.trackId(topicId);
    if (unknown.length > 0) book.refresh();
    if (revoked.length > 0) await this.host.revoke(revoked);
    if (added.length > 0 && this.target === target && !this.isOver) await this.host.assign(added);
    if (this.target !== target) return;
    if (unknown.length === 0) this.target = null;
    if (revoked.length > 0 || added.length > 0 || unknown.length === 0) void this.beat();
  }

  private says(memberEpoch: number): MemberSays {
    const { settings, book } = this.parts;
    const owned = Map.groupBy(this.host.owned(), ({ topic }) => book.topic(topic)?.topicId);
    return {
      groupId: this.groupId,
      memberId: this.memberId,
      memberEpoch,
      instanceId: settings["group.instance.id"],
      rackId: settings["client.rack"],
      rebalanceTimeoutMs: settings["max.poll.interval.ms"],
      topics: this.host.topics(),
      regex: this.host.regex(),
      serverAssignor: settings["group.remote.assignor"],
      owned: [...owned].flatMap(([topicId, own]) =>
        topicId === undefined ? [] : [{ topicId, partitions: own.map(({ partition }) => partition) }],
      ),
    };
  }

  private async beat(): Promise<void> {
    this.alarm.cancel();
    if (this.isOver || this.isAway || this.problem !== null) return;
    if (this.isBeating) {
      this.isUrgent = true;
      return;
    }
    this.isBeating = true;
    this.isUrgent = false;
    const { memberEpoch: epoch, absences } = this;
    const outcome = await this.send(this.draft.next(this.says(epoch)));
    this.isBeating = false;
    if (this.isOver || this.isAway) return;
    // It was fenced or away meanwhile: the answer is about somebody that is no more.
    if (epoch !== this.memberEpoch || absences !== this.absences) this.draft.forget();
    else if (failed(outcome)) this.beatFailed(outcome);
    else this.heard(outcome.value);
    if (this.problem !== null) return;
    if (this.isUrgent) void this.beat();
    else this.alarm.set(this.parts.client.ports.clock.nowMs() + this.pauseMs());
  }

  private pauseMs(): number {
    if (this.failures === 0) return this.intervalMs;
    const { settings, client } = this.parts;
    const backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
    return delayMs(this.failures, backoff, client.ports.random);
  }

  private async send(draft: ReturnType<HeartbeatDraft["next"]>): Promise<Outcome<ConsumerGroupHeartbeatResponse>> {
    const found = await this.coordinator.find();
    if (failed(found)) return found;
    const call = { lane: this.lane, timeoutMs: this.parts.settings["request.timeout.ms"] };
    const answer = await this.parts.client.call(found.value, consumerGroupHeartbeatApi, draft, call);
    if (failed(answer) || answer.value.errorCode === ErrorCode.NONE) return answer;
    return failure(answer.value.errorCode, answer.value.errorMessage);
  }

  private heard({ memberEpoch, heartbeatIntervalMs, assignment }: ConsumerGroupHeartbeatResponse): void {
    this.failures = 0;
    this.memberEpoch = memberEpoch;
    this.intervalMs = heartbeatIntervalMs;
    if (assignment !== null) this.target = assignment.topicPartitions;
    this.parts.notify();
  }

  private beatFailed(reason: Failure): void {
    const { errorCode } = reason;
    this.coordinator.note(errorCode);
    this.draft.forget();
    if (FENCED.has(errorCode)) this.fenced();
    else if (isRetriable(errorCode)) this.failures++;
    else {
      this.problem = reason;
      this.parts.notify();
    }
  }

  private fenced(): void {
    this.memberEpoch = JOIN_EPOCH;
    this.target = null;
    this.hasLost = true;
    this.draft.forget();
    this.failures = 0;
    this.isUrgent = true;
    this.parts.notify();
    if (!this.isBeating) void this.beat();
  }

  /** The application hasn't polled for too long: the others shall have its partitions. */
  private async expire(): Promise<void> {
    if (this.isOver || !this.hasBegun || this.isAway) return;
    this.alarm.cancel();
    this.isAway = true;
    this.absences++;
    this.hasLost = true;
    this.target = null;
    this.memberEpoch = JOIN_EPOCH;
    this.draft.forget();
    // Behind a join that is under way: whatever comes of that, the member is gone then.
    await this.sayGoodbye();
  }

  private async sayGoodbye(): Promise<void> {
    const isStatic = this.parts.settings["group.instance.id"] !== null;
    const { groupId, memberId } = this;
    const instanceId = this.parts.settings["group.instance.id"];
    await this.send({
      groupId,
      memberId,
      instanceId,
      memberEpoch: isStatic ? PAUSE_EPOCH : LEAVE_EPOCH,
      topicPartitions: null,
    });
  }

  async leave(): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    this.watch.stop();
    this.alarm.cancel();
    const isMember = this.hasBegun && !this.isAway && (this.memberEpoch > JOIN_EPOCH || this.isBeating);
    this.memberEpoch = JOIN_EPOCH;
    if (isMember) await this.sayGoodbye();
  }
}
