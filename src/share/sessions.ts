import { ErrorCode } from "#protocol/errors.ts";

/**
 * Share sessions (KIP-932): a consumer of a share group has one with each leader that it fetches from. The session remembers what the
 * consumer fetches, and lets one request after the other: what comes out of order is refused.
 */

/** `group.share.max.share.sessions` */
export const DEFAULT_MAX_SHARE_SESSIONS = 2_000;

/** Partitions that all sessions together remember; a session that would hold one more isn't begun or goes no further. */
export const MAX_SHARE_SESSION_PARTITIONS = 100_000;

const INITIAL_EPOCH = 0;
const FINAL_EPOCH = -1;
const MAX_EPOCH = 2_147_483_647;

export interface SharePartitionName {
  readonly topicId: string;
  readonly partitionIndex: number;
}

export interface SessionMember {
  readonly groupId: string;
  readonly memberId: string;
}

interface Cached extends SharePartitionName {
  /** The consumer must hear of it, even if there is nothing to tell. */
  mustHear: boolean;
}

interface Session extends SessionMember {
  epoch: number;
  readonly partitions: Map<string, Cached>;
}

export interface SessionRequest extends SessionMember {
  readonly epoch: number;
  readonly added: readonly SharePartitionName[];
  readonly forgotten: readonly SharePartitionName[];
  readonly hasAcknowledgements: boolean;
}

/** What of an answer decides whether the consumer must hear it. */
export interface SharedFetch {
  readonly errorCode: number;
  readonly sizeInBytes: number;
}

/** What to fetch, and how to answer: `select` says which results the consumer must hear, null that the answer belongs to no epoch. */
export interface ShareFetchContext {
  readonly errorCode: ErrorCode;
  /** The last request of a session fetches nothing; it ends with `close`. */
  readonly isFinal: boolean;
  readonly targets: readonly SharePartitionName[];
  select(results: readonly SharedFetch[]): readonly boolean[] | null;
}

export class ShareSessions {
  private readonly sessions = new Map<string, Session>();
  private readonly countByGroup = new Map<string, number>();
  private partitionCount = 0;
  readonly maxSessions: number;

  constructor(maxSessions = DEFAULT_MAX_SHARE_SESSIONS) {
    this.maxSessions = maxSessions;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** How many members of the group have a session. */
  countOf(groupId: string): number {
    return this.countByGroup.get(groupId) ?? 0;
  }

  has(member: SessionMember): boolean {
    return this.sessions.has(keyOf(member));
  }

  /** For ShareFetch. */
  open(request: SessionRequest): ShareFetchContext {
    const session = this.sessions.get(keyOf(request));
    if (request.epoch === INITIAL_EPOCH) return this.begin(request);
    if (session === undefined) return refused(ErrorCode.SHARE_SESSION_NOT_FOUND);
    if (request.epoch === FINAL_EPOCH) return { ...refused(ErrorCode.NONE), isFinal: true };
    if (session.epoch !== request.epoch) return refused(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    return this.goOn(session, request);
  }

  /** For ShareAcknowledge, which may not begin a session. */
  acknowledge(member: SessionMember, epoch: number): ErrorCode {
    if (epoch === INITIAL_EPOCH) return ErrorCode.INVALID_SHARE_SESSION_EPOCH;
    const session = this.sessions.get(keyOf(member));
    if (session === undefined) return ErrorCode.SHARE_SESSION_NOT_FOUND;
    if (epoch === FINAL_EPOCH) return ErrorCode.NONE;
    if (session.epoch !== epoch) return ErrorCode.INVALID_SHARE_SESSION_EPOCH;
    session.epoch = nextEpoch(session.epoch);
    return ErrorCode.NONE;
  }

  /** Ends the session; answers what it held. */
  close(member: SessionMember): readonly SharePartitionName[] {
    const session = this.sessions.get(keyOf(member));
    if (session === undefined) return [];
    this.sessions.delete(keyOf(member));
    this.partitionCount -= session.partitions.size;
    const left = this.countOf(member.groupId) - 1;
    if (left > 0) this.countByGroup.set(member.groupId, left);
    else this.countByGroup.delete(member.groupId);
    return [...session.partitions.values()];
  }

  private begin(request: SessionRequest): ShareFetchContext {
    if (request.hasAcknowledgements) return refused(ErrorCode.INVALID_REQUEST);
    this.close(request);
    const isFull = this.sessions.size >= this.maxSessions;
    if (isFull || this.partitionCount + request.added.length > MAX_SHARE_SESSION_PARTITIONS) {
      return refused(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
    }
    const { groupId, memberId } = request;
    const session: Session = { groupId, memberId, epoch: nextEpoch(INITIAL_EPOCH), partitions: new Map() };
    for (const name of request.added) session.partitions.set(nameOf(name), { ...name, mustHear: false });
    this.sessions.set(keyOf(session), session);
    this.countByGroup.set(groupId, this.countOf(groupId) + 1);
    this.partitionCount += session.partitions.size;
    const targets = [...session.partitions.values()];
    return { errorCode: ErrorCode.NONE, isFinal: false, targets, select: (results) => results.map(() => true) };
  }

  private goOn(session: Session, request: SessionRequest): ShareFetchContext {
    const sizeBefore = session.partitions.size;
    for (const name of request.added) {
      if (!session.partitions.has(nameOf(name))) session.partitions.set(nameOf(name), { ...name, mustHear: true });
    }
    for (const name of request.forgotten) session.partitions.delete(nameOf(name));
    this.partitionCount += session.partitions.size - sizeBefore;
    if (this.partitionCount > MAX_SHARE_SESSION_PARTITIONS) {
      this.close(session);
      return refused(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
    }
    session.epoch = nextEpoch(session.epoch);
    const expectedEpoch = session.epoch;
    const targets = [...session.partitions.values()];
    return {
      errorCode: ErrorCode.NONE,
      isFinal: false,
      targets,
      select: (results) => {
        if (session.epoch !== expectedEpoch) return null;
        return targets.map((cached, at) => this.isToBeHeard(session, cached, results[at]));
      },
    };
  }

  private isToBeHeard({ partitions }: Session, cached: Cached, { errorCode, sizeInBytes }: SharedFetch): boolean {
    const isHeard = cached.mustHear || sizeInBytes > 0 || errorCode !== ErrorCode.NONE;
    cached.mustHear = errorCode !== ErrorCode.NONE;
    // What was served goes behind the others.
    const key = nameOf(cached);
    if (sizeInBytes > 0 && partitions.delete(key)) partitions.set(key, cached);
    return isHeard;
  }
}

function nextEpoch(epoch: number): number {
  return epoch === MAX_EPOCH ? 1 : epoch + 1;
}

/** The length of the group id stands in the key: without it, group `a b` with member `c` would meet group `a` with member `b c`. */
function keyOf({ groupId, memberId }: SessionMember): string {
  return `${groupId.length} ${groupId} ${memberId}`;
}

function nameOf({ topicId, partitionIndex }: SharePartitionName): string {
  return `${partitionIndex}/${topicId}`;
}

function refused(errorCode: ErrorCode): ShareFetchContext {
  return { errorCode, isFinal: false, targets: [], select: () => [] };
}
