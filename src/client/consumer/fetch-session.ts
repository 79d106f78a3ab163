import type { Uuid } from "#bytes/uuid.ts";
import { ErrorCode } from "#protocol/errors.ts";

/** What is asked for of one partition. */
export interface FetchTarget {
  readonly topicId: Uuid;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly currentLeaderEpoch: number;
  readonly partitionMaxBytes: number;
}

export interface SessionDraft {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly topics: readonly { readonly topicId: Uuid; readonly partitions: readonly FetchTarget[] }[];
  readonly forgottenTopicsData: readonly { readonly topicId: Uuid; readonly partitions: readonly number[] }[];
}

const NO_SESSION = 0;
/** Of a full request that asks for a session. */
const INITIAL_EPOCH = 0;
const FINAL_EPOCH = -1;
const MAX_EPOCH = 2_147_483_647;

/** A fetch session with one broker (KIP-227): after a first full request only what changed is named. */
export class FetchSession {
  private sessionId = NO_SESSION;
  private sessionEpoch = INITIAL_EPOCH;
  /** What the broker has in mind, by topic id and partition. */
  private remembered = new Map<string, FetchTarget>();

  /** The request that makes the broker fetch exactly `targets`, in this order. */
  next(targets: readonly FetchTarget[]): SessionDraft {
    const wanted = new Map(targets.map((target) => [keyOf(target), target]));
    const isFull = this.sessionEpoch === INITIAL_EPOCH;
    const changed = isFull ? targets : targets.filter((target) => !isSame(this.remembered.get(keyOf(target)), target));
    const forgotten = isFull
      ? []
      : [...this.remembered].filter(([key]) => !wanted.has(key)).map(([, target]) => target);
    this.remembered = wanted;
    return {
      sessionId: this.sessionId,
      sessionEpoch: this.sessionEpoch,
      topics: byTopic(changed).map(([topicId, partitions]) => ({ topicId, partitions })),
      forgottenTopicsData: byTopic(forgotten).map(([topicId, own]) => ({
        topicId,
        partitions: own.map(({ partition }) => partition),
      })),
    };
  }

  /** Takes note of the answer. False when the session is gone, so that the next request begins another one. */
  answered(errorCode: number, sessionId: number): boolean {
    if (errorCode !== ErrorCode.NONE) {
      this.lost();
      return false;
    }
    if (sessionId === NO_SESSION) this.lost();
    else {
      this.sessionId = sessionId;
      this.sessionEpoch = this.sessionEpoch === MAX_EPOCH ? 1 : this.sessionEpoch + 1;
    }
    return true;
  }

  /** No answer came: nobody knows what the broker has in mind now. */
  lost(): void {
    this.sessionId = NO_SESSION;
    this.sessionEpoch = INITIAL_EPOCH;
    this.remembered.clear();
  }

  /** The request that ends the session; null when there is none. */
  close(): SessionDraft | null {
    const { sessionId } = this;
    this.lost();
    return sessionId === NO_SESSION
      ? null
      : { sessionId, sessionEpoch: FINAL_EPOCH, topics: [], forgottenTopicsData: [] };
  }
}

function byTopic(targets: readonly FetchTarget[]): [Uuid, FetchTarget[]][] {
  return [...Map.groupBy(targets, ({ topicId }) => topicId)];
}

function keyOf({ topicId, partition }: FetchTarget): string {
  return `${topicId}/${partition}`;
}

function isSame(one: FetchTarget | undefined, other: FetchTarget): boolean {
  return (
    one !== undefined &&
    one.fetchOffset === other.fetchOffset &&
    one.currentLeaderEpoch === other.currentLeaderEpoch &&
    one.partitionMaxBytes === other.partitionMaxBytes
  );
}
