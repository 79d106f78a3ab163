import type { GroupCoordinator } from "#group/coordinator.ts";
import type { Decision, Reply, RequestToken, TimerEffect } from "#group/turn.ts";
import type { CoordinatorRecord, GroupEnvironment } from "#ports/coordinator-log.ts";
import type { TimerHandle } from "#ports/timers.ts";
import { ErrorCode } from "#protocol/errors.ts";

/** What one append may hold: a batch of `__consumer_offsets` is at most `max.message.bytes` = 1048588 long. */
const MAX_APPEND_BYTES = 1_000_000;
/** Lengths, deltas and the like around a key and a value. */
const RECORD_OVERHEAD_BYTES = 32;

interface ArmedTimer {
  handle: TimerHandle;
  firesAtMs: number;
  deadlineMs: number;
}

interface Parked {
  reply(reply: Reply): void;
  reject(errorCode: ErrorCode): void;
}

/**
 * One loaded coordinator with its partition of the log: carries out what the state machine decides.
 *
 * The one rule: no answer leaves before everything that was appended until its decision is committed. An append that fails leaves the state
 * machine ahead of its log; then all that wait are told so, and the coordinator is thrown away (`hasFailed`) to be loaded again.
 */
export class GroupPartition {
  readonly partitionIndex: number;
  readonly leaderEpoch: number;
  readonly machine: GroupCoordinator;
  private readonly environment: GroupEnvironment;
  private readonly parked = new Map<RequestToken, Parked>();
  private readonly armed = new Map<string, ArmedTimer>();
  private nextToken: RequestToken = 1;
  /** Resolves when all appends so far have ended, with the first error among them. */
  private tail: Promise<ErrorCode> = Promise.resolve(ErrorCode.NONE);
  private openAppends = 0;
  private failure: ErrorCode | null = null;

  constructor(environment: GroupEnvironment, machine: GroupCoordinator, partitionIndex: number, leaderEpoch: number) {
    this.environment = environment;
    this.machine = machine;
    this.partitionIndex = partitionIndex;
    this.leaderEpoch = leaderEpoch;
  }

  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** Requests that wait for others: joins and syncs. */
  get parkedCount(): number {
    return this.parked.size;
  }

  /** Makes a decision and answers its response once that may be shown, or what the error stands for. */
  async run<R>(decide: (nowMs: number) => Decision<R>, whenFailed: (errorCode: ErrorCode) => R): Promise<R> {
    if (this.failure !== null) return whenFailed(this.failure);
    const decision = decide(this.environment.clock.nowMs());
    const committed = this.carryOut(decision);
    const errorCode = committed === null ? ErrorCode.NONE : await committed;
    return errorCode === ErrorCode.NONE ? decision.response : whenFailed(errorCode);
  }

  /** The same for a request that may be parked: its reply comes by token, from this decision or a later one. */
  park<R>(
    decide: (token: RequestToken, nowMs: number) => Decision,
    kind: Reply["kind"],
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
      this.carryOut(decide(token, this.environment.clock.nowMs()));
    });
  }

  /** Ends it: timers stop, and everything that is parked is told why. Answers when the log is quiet. */
  async close(errorCode: ErrorCode): Promise<void> {
    this.fail(errorCode);
    await this.tail;
  }

  /** Begins the clocks after the load. */
  start(): void {
    this.carryOut(this.machine.onLoaded(this.environment.clock.nowMs()));
  }

  /** Null when nothing has to be waited for. */
  private carryOut(decision: Decision<unknown>): Promise<ErrorCode> | null {
    for (const effect of decision.timers) this.applyTimer(effect);
    if (decision.records.length > 0) this.append(decision.records);
    if (this.openAppends === 0) {
      this.deliver(decision.replies);
      return null;
    }
    const committed = this.tail;
    if (decision.replies.length > 0) {
      committed.then((errorCode) => {
        if (errorCode === ErrorCode.NONE) this.deliver(decision.replies);
        else this.rejectReplies(decision.replies, errorCode);
      });
    }
    return committed;
  }

  private append(records: readonly CoordinatorRecord[]): void {
    for (const batch of batchesOf(records)) {
      this.openAppends++;
      const appended = this.environment.log.append(this.partitionIndex, batch);
      this.tail = Promise.all([this.tail, settled(appended)]).then(([before, own]) => {
        this.openAppends--;
        if (before !== ErrorCode.NONE) return before;
        if (own === ErrorCode.NONE) return own;
        const errorCode = coordinatorError(own);
        this.fail(errorCode);
        return errorCode;
      });
    }
  }

  private deliver(replies: readonly Reply[]): void {
    for (const reply of replies) this.take(reply.token)?.reply(reply);
  }

  private rejectReplies(replies: readonly Reply[], errorCode: ErrorCode): void {
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
    for (const timer of this.armed.values()) timer.handle.cancel();
    this.armed.clear();
    for (const token of [...this.parked.keys()]) this.take(token)?.reject(errorCode);
  }

  private applyTimer(effect: TimerEffect): void {
    const armed = this.armed.get(effect.key);
    if (effect.kind === "cancel") {
      armed?.handle.cancel();
      this.armed.delete(effect.key);
    } else if (armed !== undefined && armed.firesAtMs <= effect.deadlineMs) {
      // Heartbeats only move deadlines away: the timer that runs finds the new one when it fires.
      armed.deadlineMs = effect.deadlineMs;
    } else {
      armed?.handle.cancel();
      this.arm(effect.key, effect.deadlineMs);
    }
  }

  private arm(key: string, deadlineMs: number): void {
    const delayMs = Math.max(deadlineMs - this.environment.clock.nowMs(), 0);
    const handle = this.environment.timers.set(() => this.onTimer(key), delayMs);
    this.armed.set(key, { handle, firesAtMs: deadlineMs, deadlineMs });
  }

  private onTimer(key: string): void {
    const armed = this.armed.get(key);
    if (armed === undefined || this.failure !== null) return;
    this.armed.delete(key);
    const nowMs = this.environment.clock.nowMs();
    if (nowMs < armed.deadlineMs) this.arm(key, armed.deadlineMs);
    else this.carryOut(this.machine.onTimer(key, nowMs));
  }
}

/** A log that throws is broken; the coordinator is as unusable then as after an error. */
async function settled(appended: Promise<ErrorCode>): Promise<ErrorCode> {
  try {
    return await appended;
  } catch {
    return ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}

function batchesOf(records: readonly CoordinatorRecord[]): CoordinatorRecord[][] {
  const batches: CoordinatorRecord[][] = [];
  let batch: CoordinatorRecord[] = [];
  let sizeInBytes = 0;
  for (const record of records) {
    const recordBytes = record.key.length + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
    if (batch.length === 0 || sizeInBytes + recordBytes > MAX_APPEND_BYTES) {
      batch = [];
      batches.push(batch);
      sizeInBytes = 0;
    }
    batch.push(record);
    sizeInBytes += recordBytes;
  }
  return batches;
}

/** What a group's client is told about an error of the log. */
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
