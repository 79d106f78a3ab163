import type { Random } from "#ports/random.ts";
import { ErrorCode } from "#protocol/errors.ts";

/**
 * Incremental fetch sessions (KIP-227). A session remembers what a consumer fetches, so that its next request
 * names only what changed, and what it was told, so that the answer leaves out what did not.
 */

/** `max.incremental.fetch.session.cache.slots`. */
export const MAX_FETCH_SESSIONS = 1_000;

/** `min.incremental.fetch.session.eviction.ms`: a session unused for so long makes room for a new one. */
export const SESSION_EVICTION_MS = 120_000;

/** Partitions that all sessions together remember; a consumer beyond them fetches without a session. */
export const MAX_SESSION_PARTITIONS = 100_000;

const NO_SESSION = 0;
const INITIAL_EPOCH = 0;
const FINAL_EPOCH = -1;
const MAX_EPOCH = 2_147_483_647;

/** What is fetched of one partition; `topic` is the name below Fetch v13 and the topic id from there on. */
export interface FetchTarget {
  readonly topic: string;
  readonly partitionIndex: number;
  readonly fetchOffset: number;
  readonly maxBytes: number;
  readonly currentLeaderEpoch: number;
  readonly lastFetchedEpoch: number;
}

/** What of an answer decides whether the client must hear it. */
export interface FetchedPartition {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly sizeInBytes: number;
}

interface Cached {
  target: FetchTarget;
  highWatermark: number;
  logStartOffset: number;
}

interface Session {
  readonly id: number;
  readonly byTopicId: boolean;
  readonly createdMs: number;
  epoch: number;
  lastUsedMs: number;
  readonly partitions: Map<string, Cached>;
}

export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly byTopicId: boolean;
  readonly targets: readonly FetchTarget[];
  readonly forgotten: readonly { readonly topic: string; readonly partitionIndex: number }[];
  readonly nowMs: number;
}

/** What to fetch, and how to answer: `select` says which results the client must hear. */
export interface FetchContext {
  readonly errorCode: ErrorCode;
  readonly targets: readonly FetchTarget[];
  select(results: readonly FetchedPartition[]): { readonly sessionId: number; readonly included: readonly boolean[] };
}

function keyOf(topic: string, partitionIndex: number): string {
  return `${partitionIndex}/${topic}`;
}

export class FetchSessions {
  /** In order of last use, oldest first. */
  readonly #sessions = new Map<number, Session>();
  #partitionCount = 0;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#sessions.size;
  }

  open(request: SessionRequest): FetchContext {
    if (request.sessionEpoch === INITIAL_EPOCH || request.sessionEpoch === FINAL_EPOCH) {
      this.#close(this.#sessions.get(request.sessionId));
      return request.sessionEpoch === FINAL_EPOCH ? sessionless(request.targets) : this.#full(request);
    }
    const session = this.#sessions.get(request.sessionId);
    if (session === undefined) return refused(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    if (session.epoch !== request.sessionEpoch) return refused(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    if (session.byTopicId !== request.byTopicId) return refused(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    return this.#incremental(session, request);
  }

  #full(request: SessionRequest): FetchContext {
    return {
      errorCode: ErrorCode.NONE,
      targets: request.targets,
      select: (results) => {
        const included = results.map(() => true);
        if (results.length === 0 || !this.#makeRoom(request)) return { sessionId: NO_SESSION, included };
        const session: Session = {
          id: this.#freshId(),
          byTopicId: request.byTopicId,
          createdMs: request.nowMs,
          epoch: 1,
          lastUsedMs: request.nowMs,
          partitions: new Map(),
        };
        for (const [at, target] of request.targets.entries()) {
          const cached = { target, highWatermark: -1, logStartOffset: -1 };
          mustHear(cached, results[at]);
          session.partitions.set(keyOf(target.topic, target.partitionIndex), cached);
        }
        this.#sessions.set(session.id, session);
        this.#partitionCount += session.partitions.size;
        return { sessionId: session.id, included };
      },
    };
  }

  #incremental(session: Session, request: SessionRequest): FetchContext {
    const partitionsBefore = session.partitions.size;
    for (const target of request.targets) {
      const key = keyOf(target.topic, target.partitionIndex);
      const cached = session.partitions.get(key);
      if (cached === undefined) session.partitions.set(key, { target, highWatermark: -1, logStartOffset: -1 });
      else cached.target = target;
    }
    for (const { topic, partitionIndex } of request.forgotten) session.partitions.delete(keyOf(topic, partitionIndex));
    this.#partitionCount += session.partitions.size - partitionsBefore;
    if (session.partitions.size === 0) {
      this.#close(session);
      return sessionless([]);
    }
    if (this.#partitionCount > MAX_SESSION_PARTITIONS) {
      // The client begins anew with a full fetch, which finds no room for a session either.
      this.#close(session);
      return refused(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    }
    session.epoch = session.epoch === MAX_EPOCH ? 1 : session.epoch + 1;
    session.lastUsedMs = request.nowMs;
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
    const expectedEpoch = session.epoch;
    const cached = [...session.partitions.values()];
    return {
      errorCode: ErrorCode.NONE,
      targets: cached.map((partition) => partition.target),
      select: (results) => {
        // A duplicate of this request may have been served meanwhile; then this answer belongs to no epoch.
        if (session.epoch !== expectedEpoch) return { sessionId: session.id, included: results.map(() => false) };
        const included = cached.map((partition, at) => mustHear(partition, results[at]));
        for (const [at, partition] of cached.entries()) {
          if (results[at].sizeInBytes === 0) continue;
          // What was served goes behind the others, so that a size limit starves no partition.
          const key = keyOf(partition.target.topic, partition.target.partitionIndex);
          if (session.partitions.delete(key)) session.partitions.set(key, partition);
        }
        return { sessionId: session.id, included };
      },
    };
  }

  #makeRoom({ targets, nowMs }: SessionRequest): boolean {
    for (;;) {
      const isRoom = this.#partitionCount + targets.length <= MAX_SESSION_PARTITIONS;
      if (isRoom && this.#sessions.size < MAX_FETCH_SESSIONS) return true;
      const oldest = this.#sessions.values().next().value;
      if (oldest === undefined || nowMs - oldest.lastUsedMs <= SESSION_EVICTION_MS) return false;
      this.#close(oldest);
    }
  }

  #close(session: Session | undefined): void {
    if (session === undefined || !this.#sessions.delete(session.id)) return;
    this.#partitionCount -= session.partitions.size;
  }

  #freshId(): number {
    for (;;) {
      const id = 1 + this.#random.below(MAX_EPOCH - 1);
      if (!this.#sessions.has(id)) return id;
    }
  }
}

function mustHear(cached: Cached, result: FetchedPartition): boolean {
  let changed = result.sizeInBytes > 0;
  if (cached.highWatermark !== result.highWatermark) {
    cached.highWatermark = result.highWatermark;
    changed = true;
  }
  if (cached.logStartOffset !== result.logStartOffset) {
    cached.logStartOffset = result.logStartOffset;
    changed = true;
  }
  if (result.errorCode === ErrorCode.NONE) return changed;
  // Once the error is gone the partition differs from this and is told again.
  cached.highWatermark = -1;
  return true;
}

function sessionless(targets: readonly FetchTarget[]): FetchContext {
  return {
    errorCode: ErrorCode.NONE,
    targets,
    select: (results) => ({ sessionId: NO_SESSION, included: results.map(() => true) }),
  };
}

function refused(errorCode: ErrorCode): FetchContext {
  return { errorCode, targets: [], select: () => ({ sessionId: NO_SESSION, included: [] }) };
}
