import type { Uuid } from "#bytes/uuid.ts";
import { REWRITE_GROWTH, REWRITE_MIN_RECORDS } from "#coordinator/limits.ts";
import type { CoordinatorMachine, Decision, ParkedReply, RequestToken } from "#coordinator/machine.ts";
import type { CoordinatorEnvironment, CoordinatorRecord, TransactionalProducer } from "#ports/coordinator-log.ts";
import type { TimerHandle } from "#ports/timers.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { batchesOf, nextBatch } from "./batches.ts";

/** A timer that runs longer than this looks at the clock in between: a clock that jumps ahead delays nobody for longer. */
const MAX_TIMER_DELAY_MS = 30_000;

interface Parked {
  reply(reply: ParkedReply): void;
  reject(errorCode: ErrorCode): void;
}

/** Under what a broker leads a partition of an internal topic: the topic may be another one by the same name. */
export interface Leadership {
  readonly topicId: Uuid;
  readonly leaderEpoch: number;
}

/** What a machine's effects are. */
export type EffectOf<Machine> = Machine extends CoordinatorMachine<infer Effect> ? Effect : never;

/**
 * One loaded coordinator with its partition of the log: carries out what the state machine decides.
 *
 * The one rule: no answer leaves before everything that was appended until its decision is committed. An append that fails leaves the state
 * machine ahead of its log; then all that wait are told so, and the coordinator is thrown away (`hasFailed`) to be loaded again. The same
 * happens when a decision can't be made or carried out to its end.
 */
export class CoordinatorPartition<Machine extends CoordinatorMachine> {
  readonly partitionIndex: number;
  readonly leadership: Leadership;
  readonly machine: Machine;
  private readonly environment: CoordinatorEnvironment;
  private readonly onEffect: (effect: EffectOf<Machine>) => void;
  private readonly parked = new Map<RequestToken, Parked>();
  /** The one timer of the shell, at the machine's next deadline or before. */
  private armed: { readonly handle: TimerHandle; readonly firesAtMs: number } | null = null;
  private nextToken: RequestToken = 1;
  /** Resolves when all appends so far have ended, with the first error among them. */
  private tail: Promise<ErrorCode> = Promise.resolve(ErrorCode.NONE);
  private openAppends = 0;
  private failure: ErrorCode | null = null;
  /** The log didn't take an append: the state is ahead of it, and `failure` follows. */
  private wasRefused = false;
  /** How many records the log holds. */
  private recordCount = 0;
  private rewriting: Promise<void> | null = null;
  private isTrimRefused = false;

  constructor(
    environment: CoordinatorEnvironment,
    machine: Machine,
    place: { readonly partitionIndex: number; readonly leadership: Leadership },
    onEffect: (effect: EffectOf<Machine>) => void,
  ) {
    this.environment = environment;
    this.machine = machine;
    this.partitionIndex = place.partitionIndex;
    this.leadership = place.leadership;
    this.onEffect = onEffect;
  }

  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** Requests that wait for others, such as joins and syncs of a group. */
  get parkedCount(): number {
    return this.parked.size;
  }

  /** Makes a decision and answers its response once that may be shown, or what the error stands for. */
  async run<R>(decide: (nowMs: number) => Decision<R>, whenFailed: (errorCode: ErrorCode) => R): Promise<R> {
    if (this.failure !== null) return whenFailed(this.failure);
    const carried = this.carryOut(decide);
    if (carried === null) return whenFailed(ErrorCode.UNKNOWN_SERVER_ERROR);
    const errorCode = carried.committed === null ? ErrorCode.NONE : await carried.committed;
    return errorCode === ErrorCode.NONE ? carried.response : whenFailed(errorCode);
  }

  /** The same for a request that may be parked: its reply comes by token, from this decision or a later one. */
  park<R>(
    decide: (token: RequestToken, nowMs: number) => Decision<unknown>,
    kind: string,
    whenFailed: (errorCode: ErrorCode) => R,
  ): Promise<R> {
    if (this.failure !== null) return Promise.resolve(whenFailed(this.failure));
    const token = this.nextToken++;
    return new Promise<R>((resolve) => {
      this.parked.set(token, {
        reply: (reply) => {
          if (reply.kind !== kind) throw new Error(`a ${kind} was answered as a ${reply.kind}`);
          resolve(reply.response as R);
        },
        reject: (errorCode) => resolve(whenFailed(errorCode)),
      });
      this.carryOut((nowMs) => decide(token, nowMs), token);
    });
  }

  /** Ends it: timers stop, and everything that is parked is told why. Answers when the log is quiet. */
  async close(errorCode: ErrorCode): Promise<void> {
    this.fail(errorCode);
    await this.tail;
  }

  /** Begins the clocks after the load of a log of so many records. */
  start(recordCount: number): void {
    this.recordCount = recordCount;
    this.carryOut((nowMs) => this.machine.onLoaded(nowMs));
    this.rewriteIfOvergrown();
  }

  /** Makes a decision that nobody waits for. */
  tell(decide: (nowMs: number) => Decision<unknown>): void {
    if (this.failure === null) this.carryOut(decide);
  }

  /**
   * Makes a decision whose asker needn't wait. When a response is answered, the log has taken all that was decided so far, and what this broker
   * writes to any log from now on is committed in the same commit or a later one. Undefined when that isn't so: `run` says why.
   */
  stage<R>(decide: (nowMs: number) => Decision<R>): R | undefined {
    if (this.failure !== null || this.wasRefused) return undefined;
    const carried = this.carryOut(decide);
    return carried === null || this.wasRefused ? undefined : carried.response;
  }

  /** A look at the state is a decision without effects: what it saw must be committed before it is shown. */
  look<R>(see: (machine: Machine) => R, whenFailed: (errorCode: ErrorCode) => R): Promise<R> {
    return this.run<R>(() => ({ response: see(this.machine), replies: [], records: [], timers: [] }), whenFailed);
  }

  /**
   * Makes the decision and does what it wants: the log first, so that nothing follows from what isn't on its way there. Null when that
   * failed: whoever asked gets UNKNOWN_SERVER_ERROR, all others are sent to look for the coordinator again.
   */
  private carryOut<R>(
    decide: (nowMs: number) => Decision<R>,
    askedBy?: RequestToken,
  ): { readonly response: R; readonly committed: Promise<ErrorCode> | null } | null {
    try {
      const decision = decide(this.environment.clock.nowMs());
      if (decision.records.length > 0) this.append(decision.records, decision.producer ?? null);
      const { marker } = decision;
      if (marker !== undefined) {
        this.appendOne(1, () => this.environment.log.appendMarker(this.partitionIndex, marker));
      }
      if (decision.timers.length > 0) this.arm();
      return { response: decision.response, committed: this.answer(decision) };
    } catch {
      // The state may be half changed; what the log holds is whole.
      if (askedBy !== undefined) this.take(askedBy)?.reject(ErrorCode.UNKNOWN_SERVER_ERROR);
      this.fail(ErrorCode.NOT_COORDINATOR);
      return null;
    }
  }

  /** Null when nothing has to be waited for. */
  private answer({ replies, effects = [] }: Decision<unknown>): Promise<ErrorCode> | null {
    if (this.openAppends === 0) {
      this.deliver(replies);
      this.carryOutEffects(effects);
      return null;
    }
    const committed = this.tail;
    if (replies.length > 0 || effects.length > 0) {
      committed.then((errorCode) => {
        if (errorCode === ErrorCode.NONE) this.deliver(replies);
        else this.rejectReplies(replies, errorCode);
        if (errorCode === ErrorCode.NONE) this.carryOutEffects(effects);
      });
    }
    return committed;
  }

  /** A coordinator that was thrown away meanwhile leaves them to its successor. */
  private carryOutEffects(effects: readonly unknown[]): void {
    for (const effect of effects) if (this.failure === null) this.onEffect(effect as EffectOf<Machine>);
  }

  private append(records: readonly CoordinatorRecord[], producer: TransactionalProducer | null = null): void {
    for (const batch of batchesOf(records)) {
      this.appendOne(batch.length, () => this.environment.log.append(this.partitionIndex, batch, producer));
    }
  }

  private appendOne(recordCount: number, append: () => Promise<ErrorCode>): void {
    this.openAppends++;
    const { log } = this.environment;
    const baseOffset = log.endOffset(this.partitionIndex);
    const appended = settled(append);
    if (baseOffset === null || log.endOffset(this.partitionIndex) !== baseOffset + recordCount) this.wasRefused = true;
    this.recordCount += recordCount;
    this.tail = Promise.all([this.tail, appended]).then(([before, own]) => {
      this.openAppends--;
      if (before !== ErrorCode.NONE) return before;
      if (own !== ErrorCode.NONE) {
        const errorCode = coordinatorError(own);
        this.fail(errorCode);
        return errorCode;
      }
      this.rewriteIfOvergrown();
      return own;
    });
  }

  private deliver(replies: readonly ParkedReply[]): void {
    for (const reply of replies) this.take(reply.token)?.reply(reply);
  }

  private rejectReplies(replies: readonly ParkedReply[], errorCode: ErrorCode): void {
    for (const reply of replies) this.take(reply.token)?.reject(errorCode);
  }

  private take(token: RequestToken): Parked | undefined {
    const parked = this.parked.get(token);
    this.parked.delete(token);
    return parked;
  }

  private fail(errorCode: ErrorCode): void {
    if (this.failure !== null) return;
    this.failure = errorCode;
    this.armed?.handle.cancel();
    this.armed = null;
    this.machine.release();
    for (const token of [...this.parked.keys()]) this.take(token)?.reject(errorCode);
  }

  /**
   * The runtime has few timers, and members are many: the partition has one. Heartbeats only move deadlines away; then the timer that runs
   * fires early and finds the next deadline.
   */
  private arm(): void {
    const next = this.machine.nextTimer();
    if (next === null) return;
    const nowMs = this.environment.clock.nowMs();
    // What is overdue should have fired: the clock has jumped ahead (the machine slept), and the timer that runs knows nothing of it.
    const isOverdue = next.deadlineMs <= nowMs;
    if (!isOverdue && this.armed !== null && this.armed.firesAtMs <= next.deadlineMs) return;
    this.armed?.handle.cancel();
    this.armed = null;
    const delayMs = Math.min(Math.max(next.deadlineMs - nowMs, 0), MAX_TIMER_DELAY_MS);
    this.armed = { handle: this.environment.timers.set(() => this.onTimer(), delayMs), firesAtMs: nowMs + delayMs };
  }

  private onTimer(): void {
    this.armed = null;
    const nowMs = this.environment.clock.nowMs();
    // Counted, so that timers which set each other without a delay come to an end.
    for (let left = this.machine.timerCount; left > 0 && this.failure === null; left--) {
      const next = this.machine.nextTimer();
      if (next === null || next.deadlineMs > nowMs) break;
      this.carryOut(() => this.machine.onTimer(next.key, nowMs));
    }
    if (this.failure !== null) return;
    try {
      this.arm();
    } catch {
      this.fail(ErrorCode.NOT_COORDINATOR);
    }
  }

  private rewriteIfOvergrown(): void {
    const limit = Math.max(REWRITE_MIN_RECORDS, REWRITE_GROWTH * this.machine.liveRecordCount + 1);
    if (this.rewriting !== null || this.isTrimRefused || this.failure !== null || this.recordCount < limit) return;
    if (!this.machine.canBeRewritten) return;
    // A log that throws has failed its appends, too, and with them this coordinator.
    this.rewriting = this.rewrite()
      .catch(() => this.fail(ErrorCode.NOT_COORDINATOR))
      .finally(() => {
        this.rewriting = null;
      });
  }

  /**
   * Resolves when what lives isn't being rewritten; null when that is so now. What a transaction writes meanwhile would be taken for older than
   * what is rewritten behind it, and come to nothing with the next load: it has to wait.
   */
  whenRewritten(): Promise<void> | null {
    return this.rewriting;
  }

  /**
   * A load shouldn't take long, however much the cleaner has yet to do: everything that lives is written once more at the end of the log, and
   * when all of that is committed the log begins there. State that changes meanwhile is written after the position that the log will begin
   * at, and what is written again is as it is at that moment, so a load finds the same state before, in the middle and afterwards.
   */
  private async rewrite(): Promise<void> {
    const { log } = this.environment;
    const startOffset = log.endOffset(this.partitionIndex);
    const formerCount = this.recordCount;
    if (startOffset === null) return;
    const live = this.machine.liveRecords();
    for (;;) {
      const batch = nextBatch(live);
      this.append(batch);
      const errorCode = await this.tail;
      if (errorCode !== ErrorCode.NONE || this.failure !== null) return;
      if (batch.length === 0) break;
    }
    const errorCode = await log.trimBefore(this.partitionIndex, startOffset);
    // It isn't tried again before the next load, or the log would only grow by it.
    if (errorCode === ErrorCode.NONE) this.recordCount -= formerCount;
    else this.isTrimRefused = true;
  }
}

/** A log that throws is broken; the coordinator is as unusable then as after an error. */
async function settled(append: () => Promise<ErrorCode>): Promise<ErrorCode> {
  try {
    return await append();
  } catch {
    return ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}

/** What a coordinator's client is told about an error of the log. */
export function coordinatorError(errorCode: ErrorCode): ErrorCode {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}
