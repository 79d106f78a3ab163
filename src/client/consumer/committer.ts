import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import { attempts } from "../attempts.ts";
import type { Coordinator } from "../coordinator.ts";
import { type Failure, failed, failure, type Outcome, success } from "../outcome.ts";
import {
  type GroupMetadata,
  isOffset,
  isSameMember,
  type OffsetAndMetadata,
  type TopicPartition,
} from "../topic-partition.ts";
import { commitOffsets, committedOffsets } from "./offset-requests.ts";
import { CLOSED, type ConsumerParts } from "./parts.ts";

/** Who commits, and who wants to hear of it. */
export interface CommittingGroup {
  readonly coordinator: Coordinator;
  readonly lane: string;
  metadata(): GroupMetadata;
  /** Why nothing can be committed now; null when it can. Under no generation a group that is empty would take any offset. */
  refusal(): Failure | null;
  /** True when the same commit may succeed soon. */
  commitFailed(errorCode: number, sentAs: GroupMetadata): boolean;
}

/** Writes and reads a group's offsets. */
export class Committer {
  private readonly parts: ConsumerParts;
  private readonly group: CommittingGroup;
  private nextAutoMs: number;
  private isAutoUnderway = false;

  constructor(parts: ConsumerParts, group: CommittingGroup) {
    this.parts = parts;
    this.group = group;
    this.nextAutoMs = this.nowMs() + parts.settings["auto.commit.interval.ms"];
  }

  /** The positions of the partitions: behind what was given out. */
  consumed(partitions?: readonly TopicPartition[]): OffsetAndMetadata[] {
    const { assignment } = this.parts;
    const states = partitions === undefined ? assignment.all() : partitions.map((one) => assignment.get(one));
    return states.flatMap((state) => {
      if (state === undefined || state.position === null) return [];
      const { offset, offsetEpoch } = state.position;
      const { topic, partition } = state;
      return [{ topic, partition, offset, leaderEpoch: offsetEpoch < 0 ? null : offsetEpoch }];
    });
  }

  /** Tries until `timeoutMs` are over, but once if that is 0. */
  async commit(offsets: readonly OffsetAndMetadata[], timeoutMs: number): Promise<Outcome<void>> {
    if (offsets.length === 0) return success(undefined);
    const wrong = offsets.find(({ offset }) => !isOffset(offset));
    if (wrong !== undefined) return failure(ErrorCode.INVALID_REQUEST, `${wrong.offset} is no offset.`);
    const refusal = this.refusalFor(offsets);
    let refused: Failure | null = null;
    let sentAs = this.group.metadata();
    // The member itself has refused: it knows already, and waits for the next poll.
    const isAgain = (reason: Failure) =>
      reason !== refused && (this.group.commitFailed(reason.errorCode, sentAs) || isRetriable(reason.errorCode));
    return await attempts(this.parts.client.ports, { ...this.limits(timeoutMs), isAgain }, async (isCut) => {
      if (this.parts.book.isClosed) return CLOSED;
      refused = refusal();
      if (refused !== null) return refused;
      const found = await this.group.coordinator.find();
      if (failed(found)) return found;
      // Finding it may have taken long.
      refused = refusal();
      if (refused !== null) return refused;
      if (isCut()) return failure(ErrorCode.REQUEST_TIMED_OUT);
      sentAs = this.group.metadata();
      const outcome = await commitOffsets({ ...this.asking, brokerId: found.value }, sentAs, offsets);
      this.group.coordinator.note(outcome.errorCode);
      return outcome;
    });
  }

  /** Why these can't be committed: the group's reason, or one may have been another member's since. */
  private refusalFor(offsets: readonly OffsetAndMetadata[]): () => Failure | null {
    const first = this.group.metadata();
    const { assignment } = this.parts;
    const held = offsets.flatMap((one) => assignment.get(one) ?? []);
    const isOurs = () => isSameMember(first, this.group.metadata()) || held.every((state) => assignment.holds(state));
    return () => this.group.refusal() ?? (isOurs() ? null : failure(ErrorCode.ILLEGAL_GENERATION));
  }

  async committed(
    partitions: readonly TopicPartition[],
    timeoutMs: number,
  ): Promise<Outcome<ReadonlyMap<string, OffsetAndMetadata>>> {
    // The epoch has grown since it was asked: the next time it is another.
    const isAgain = ({ errorCode }: Failure) => isRetriable(errorCode) || errorCode === ErrorCode.STALE_MEMBER_EPOCH;
    return await attempts(this.parts.client.ports, { ...this.limits(timeoutMs), isAgain }, async () => {
      if (this.parts.book.isClosed) return CLOSED;
      const found = await this.group.coordinator.find();
      if (failed(found)) return found;
      const answer = await committedOffsets(
        { ...this.asking, brokerId: found.value },
        this.group.metadata(),
        partitions,
      );
      this.group.coordinator.note(answer.errorCode);
      return answer;
    });
  }

  /** Commits what was given out, when `auto.commit.interval.ms` are over. Nobody waits for it; what fails is tried again soon. */
  auto(): void {
    const { settings } = this.parts;
    const nowMs = this.nowMs();
    if (!settings["enable.auto.commit"] || this.isAutoUnderway || nowMs < this.nextAutoMs) return;
    this.isAutoUnderway = true;
    this.nextAutoMs = nowMs + settings["auto.commit.interval.ms"];
    void this.commit(this.consumed(), 0).then((outcome) => {
      this.isAutoUnderway = false;
      if (failed(outcome) && isRetriable(outcome.errorCode))
        this.nextAutoMs = this.nowMs() + settings["retry.backoff.ms"];
    });
  }

  /** The last commit of partitions that are about to go. */
  async beforeLeaving(partitions: readonly TopicPartition[]): Promise<void> {
    const { settings } = this.parts;
    if (!settings["enable.auto.commit"]) return;
    await this.commit(this.consumed(partitions), settings["default.api.timeout.ms"]);
  }

  private get asking() {
    const { client, settings } = this.parts;
    return { client, call: { lane: this.group.lane, timeoutMs: settings["request.timeout.ms"] } };
  }

  private limits(timeoutMs: number) {
    const { settings } = this.parts;
    const backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
    return { deadlineMs: this.nowMs() + timeoutMs, backoff, isCutAtDeadline: true };
  }

  private nowMs(): number {
    return this.parts.client.ports.clock.nowMs();
  }
}
