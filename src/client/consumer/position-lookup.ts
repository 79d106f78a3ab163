import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import type { Coordinator } from "../coordinator.ts";
import { failed, failure, type Outcome } from "../outcome.ts";
import { delayMs, isStaleMetadata } from "../retry.ts";
import { type GroupMetadata, partitionKey } from "../topic-partition.ts";
import type { PartitionState } from "./assignment.ts";
import { committedOffsets, type EpochAnswer, epochEnds, listOffsetsAt } from "./offset-requests.ts";
import { type ConsumerParts, isolationOf } from "./parts.ts";
import type { OffsetReset } from "./settings.ts";

export interface GroupAccess {
  readonly coordinator: Coordinator;
  metadata(): GroupMetadata;
}

const NO_OFFSET = -1;

/**
 * Finds out where to read in partitions that have no position, from the group's commits or by `auto.offset.reset`, and compares positions
 * with the history of a new leader (KIP-320). `start` begins what is due, once for each partition; results are told by `notify`.
 */
export class PositionLookup {
  private readonly parts: ConsumerParts;
  private readonly lane: string;
  private readonly group: GroupAccess | null;
  private readonly underway = new Set<PartitionState>();

  constructor(parts: ConsumerParts, lane: string, group: GroupAccess | null) {
    this.parts = parts;
    this.lane = lane;
    this.group = group;
  }

  start(): void {
    const { assignment, alarm, book, client } = this.parts;
    const nowMs = client.ports.clock.nowMs();
    const uncommitted: PartitionState[] = [];
    const resets: PartitionState[] = [];
    const suspects: PartitionState[] = [];
    for (const state of assignment.all()) {
      assignment.leaderChanged(state, book.partition(state.topic, state.partition)?.leaderEpoch ?? -1);
      const isSettled = state.position !== null && !state.needsValidation;
      if (isSettled || state.isLeaving || this.underway.has(state)) continue;
      if (state.retryAtMs > nowMs) alarm.set(state.retryAtMs);
      else if (state.needsValidation) suspects.push(state);
      else if (state.resetBy === null && this.group !== null && !state.isUncommitted) uncommitted.push(state);
      else resets.push(state);
    }
    if (uncommitted.length > 0) void this.run(uncommitted, () => this.askCommitted(uncommitted));
    for (const [brokerId, led] of this.byLeader(resets)) void this.run(led, () => this.askOffsets(brokerId, led));
    for (const [brokerId, led] of this.byLeader(suspects)) void this.run(led, () => this.askEpochs(brokerId, led));
  }

  private async run(states: readonly PartitionState[], work: () => Promise<void>): Promise<void> {
    for (const state of states) this.underway.add(state);
    await work();
    for (const state of states) this.underway.delete(state);
    this.parts.notify();
  }

  private byLeader(states: readonly PartitionState[]): Map<number, PartitionState[]> {
    const { book } = this.parts;
    const leaders = Map.groupBy(states, ({ topic, partition }) => book.partition(topic, partition)?.leaderId ?? -1);
    if (leaders.delete(-1)) book.refresh();
    return leaders;
  }

  private get call() {
    return { lane: this.lane, timeoutMs: this.parts.settings["request.timeout.ms"] };
  }

  private async askCommitted(states: readonly PartitionState[]): Promise<void> {
    const { assignment, client, complain } = this.parts;
    const group = this.group as GroupAccess;
    const found = await group.coordinator.find();
    const answer = failed(found)
      ? found
      : await committedOffsets({ client, call: this.call, brokerId: found.value }, group.metadata(), states);
    if (failed(answer)) {
      group.coordinator.note(answer.errorCode);
      // A member that is on its way out asks again as soon as it has joined.
      const isAgain = isRetriable(answer.errorCode) || MEMBERSHIP_ERRORS.has(answer.errorCode);
      if (!isAgain) complain(answer);
      return this.later(states);
    }
    for (const state of states) {
      const committed = answer.value.get(partitionKey(state));
      state.failures = 0;
      // A seek that was made meanwhile goes before.
      if (!assignment.holds(state) || state.position !== null || state.resetBy !== null) continue;
      if (committed === undefined) state.isUncommitted = true;
      else assignment.seek(state, { offset: committed.offset, offsetEpoch: committed.leaderEpoch ?? -1 });
    }
  }

  private async askOffsets(brokerId: number, states: readonly PartitionState[]): Promise<void> {
    const { settings, complain, client, book } = this.parts;
    const asked: { state: PartitionState; timestamp: number; by: OffsetReset | null }[] = [];
    for (const state of states) {
      const policy = state.resetBy ?? settings["auto.offset.reset"];
      if (policy.kind !== "none") {
        const timestamp =
          policy.kind === "timestamp" ? policy.timestamp : client.ports.clock.nowMs() - policy.durationMs;
        asked.push({ state, timestamp, by: state.resetBy });
        continue;
      }
      complain(
        failure(
          ErrorCode.OFFSET_OUT_OF_RANGE,
          `${state.topic}/${state.partition} has no position, and no reset policy.`,
        ),
      );
      this.later([state]);
    }
    if (asked.length === 0) return;
    const questions = asked.map(({ state: { topic, partition }, timestamp }) => ({
      topic,
      partition,
      timestamp,
      currentLeaderEpoch: book.partition(topic, partition)?.leaderEpoch ?? -1,
    }));
    const answer = await listOffsetsAt({ client, call: this.call, brokerId }, questions, isolationOf(settings));
    const beyond: PartitionState[] = [];
    for (const { state, by } of asked) {
      const own = failed(answer) ? answer : answer.value.find((one) => partitionKey(one) === partitionKey(state));
      if (own === undefined || own.errorCode !== ErrorCode.NONE || failed(answer))
        this.failed(state, own?.errorCode ?? ErrorCode.NETWORK_EXCEPTION);
      else if (this.isWaiting(state, by) && "offset" in own) {
        if (own.offset === NO_OFFSET) beyond.push(state);
        // The leader has just named it: there is nothing to compare.
        else this.parts.assignment.seek(state, { offset: own.offset, offsetEpoch: -1 });
      }
    }
    // No record is as young as the policy asks for: the end is where such records will be.
    for (const state of beyond) this.parts.assignment.reset(state, { kind: "timestamp", timestamp: -1 });
  }

  private isWaiting(state: PartitionState, by: OffsetReset | null): boolean {
    return this.parts.assignment.holds(state) && state.position === null && state.resetBy === by;
  }

  private async askEpochs(brokerId: number, states: readonly PartitionState[]): Promise<void> {
    const { book, client } = this.parts;
    const asked = states.flatMap((state) => {
      const { topic, partition, position } = state;
      const currentLeaderEpoch = book.partition(topic, partition)?.leaderEpoch ?? -1;
      return position === null
        ? []
        : [{ state, position, question: { topic, partition, currentLeaderEpoch, leaderEpoch: position.offsetEpoch } }];
    });
    const answer = await epochEnds(
      { client, call: this.call, brokerId },
      asked.map(({ question }) => question),
    );
    for (const { state, position, question } of asked) {
      const own: Outcome<never> | EpochAnswer | undefined = failed(answer)
        ? answer
        : answer.value.find((one) => partitionKey(one) === partitionKey(state));
      if (own === undefined || !("endOffset" in own) || own.errorCode !== ErrorCode.NONE) {
        this.failed(state, own?.errorCode ?? ErrorCode.NETWORK_EXCEPTION);
      } else if (this.parts.assignment.holds(state) && state.position === position) {
        this.compare(state, own, question.currentLeaderEpoch);
      }
    }
  }

  /** Where the leader's history ends before the position, records were truncated that this consumer has read. */
  private compare(state: PartitionState, answer: EpochAnswer, currentLeaderEpoch: number): void {
    const { assignment, settings, complain } = this.parts;
    const { position } = state;
    const policy = settings["auto.offset.reset"];
    const isUnknown = answer.leaderEpoch < 0 || answer.endOffset < 0;
    if (position === null || (!isUnknown && answer.endOffset >= position.offset)) {
      assignment.validated(state, currentLeaderEpoch);
      return;
    }
    if (policy.kind === "none") {
      const place = `${state.topic}/${state.partition}`;
      complain(
        failure(ErrorCode.OFFSET_OUT_OF_RANGE, `The log of ${place} was truncated before offset ${position.offset}.`),
      );
      this.later([state]);
      return;
    }
    if (isUnknown) {
      assignment.reset(state, policy);
      return;
    }
    assignment.seek(state, { offset: answer.endOffset, offsetEpoch: answer.leaderEpoch });
    assignment.validated(state, currentLeaderEpoch);
  }

  private failed(state: PartitionState, errorCode: number): void {
    const { book, complain } = this.parts;
    if (
      isStaleMetadata(errorCode) ||
      errorCode === ErrorCode.NETWORK_EXCEPTION ||
      errorCode === ErrorCode.REQUEST_TIMED_OUT
    ) {
      book.refresh();
    } else if (!isRetriable(errorCode))
      complain(failure(errorCode, `${state.topic}/${state.partition} can't be read.`));
    this.later([state]);
  }

  private later(states: readonly PartitionState[]): void {
    const { client, settings } = this.parts;
    const backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
    const nowMs = client.ports.clock.nowMs();
    for (const state of states) state.retryAtMs = nowMs + delayMs(++state.failures, backoff, client.ports.random);
  }
}

const MEMBERSHIP_ERRORS: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.FENCED_MEMBER_EPOCH,
]);
