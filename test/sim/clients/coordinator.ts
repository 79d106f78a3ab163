import { ErrorCode } from "#protocol/errors.ts";
import { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import type { CommitEvent, Pending } from "../../checker/history.ts";
import { type SimClient, topicKey } from "./client.ts";
import { ClientConnection, LostError } from "./connection.ts";
import type { Position } from "./fetcher.ts";

const FIND = { request: FindCoordinatorRequest, response: FindCoordinatorResponse };
const COMMIT = { request: OffsetCommitRequest, response: OffsetCommitResponse };
const FETCH = { request: OffsetFetchRequest, response: OffsetFetchResponse };
const FIND_VERSION = 3;
const OFFSET_FETCH_VERSION = 7;
const OFFSET_FETCH_GROUPS_VERSION = 9;
const FIRST_VERSION_BY_TOPIC_ID = 10;

const GROUP = 0;
export const TRANSACTION = 1;

/** Errors that say: look for the coordinator again. */
const MOVED: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
]);

export function hasMoved(errorCode: number): boolean {
  return MOVED.has(errorCode);
}

export interface Membership {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generation: number;
}

/** A group's coordinator as one client reaches it, over a connection of its own. */
export class Coordinator {
  readonly #client: SimClient;
  /** A group, or a transactional id. */
  readonly #group: string;
  readonly #keyType: number;
  #connection: ClientConnection | null = null;
  #opening: Promise<ClientConnection> | null = null;

  constructor(client: SimClient, group: string, keyType = GROUP) {
    this.#client = client;
    this.#group = group;
    this.#keyType = keyType;
  }

  /** The next call looks for the coordinator again. */
  forget(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  /** Rejects with LostError when there is no coordinator, or no answer of it. */
  async call<Q, S>(
    api: { request: Message<Q>; response: Message<S> },
    version: number,
    draft: Draft<Q>,
    timeoutMs?: number,
  ): Promise<S> {
    const connection = await this.#open();
    try {
      return await connection.call(api, version, draft, timeoutMs);
    } catch (error) {
      if (this.#connection === connection) this.forget();
      throw error;
    }
  }

  async #open(): Promise<ClientConnection> {
    if (this.#connection?.isOpen) return this.#connection;
    this.#opening ??= this.#find().finally(() => {
      this.#opening = null;
    });
    this.#connection = await this.#opening;
    return this.#connection;
  }

  async #find(): Promise<ClientConnection> {
    const { process, world } = this.#client;
    const any = await this.#client.connection(process.random.pick(world.brokerIds));
    const found = await any.call(FIND, FIND_VERSION, { key: this.#group, keyType: this.#keyType });
    if (found.errorCode !== ErrorCode.NONE) throw new LostError("there is no coordinator now");
    return ClientConnection.open(process, world.network, found.nodeId);
  }

  /** Commits the offsets; the answer's error of the first partition that has one, NONE when none has, null when nobody knows. */
  async commit(positions: readonly Position[], member: Membership, version: number): Promise<number | null> {
    if (positions.length === 0) return ErrorCode.NONE;
    const offsets = positions.map((position) => ({ position, offset: position.offset }));
    const topics = offsets.map(({ position, offset }) => ({
      name: position.name,
      topicId: position.topicId,
      partitions: [{ partitionIndex: position.partition, committedOffset: offset, committedMetadata: "" }],
    }));
    const invokedMs = this.#client.nowMs;
    // Written down before anything can happen: who dies now may have committed all the same.
    const events = offsets.map(({ position, offset }) => this.#commitEvent(position, offset, member, invokedMs));
    for (const event of events) this.#client.world.record(event);
    try {
      const { memberId, groupInstanceId, generation } = member;
      const draft = { groupId: this.#group, memberId, groupInstanceId, generationIdOrMemberEpoch: generation, topics };
      const answer = await this.call(COMMIT, version, draft);
      const errors = offsets.map(({ position }) => commitError(answer, position, version));
      errors.forEach((errorCode, index) => {
        events[index].outcome = errorCode === ErrorCode.NONE ? "acknowledged" : "refused";
        events[index].completedMs = this.#client.nowMs;
      });
      return errors.find((errorCode) => errorCode !== ErrorCode.NONE) ?? ErrorCode.NONE;
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      return null;
    }
  }

  #commitEvent(position: Position, offset: number, member: Membership, invokedMs: number): Pending<CommitEvent> {
    return {
      type: "commit",
      client: this.#client.name,
      group: this.#group,
      topic: topicKey(position),
      partition: position.partition,
      memberId: member.memberId,
      generation: member.generation,
      offset,
      invokedMs,
      completedMs: null,
      outcome: "unknown",
    };
  }

  /** What the group has committed, by position; an error code when it can't be had now. Rejects with LostError. */
  async committed(
    positions: readonly Position[],
    usesGroups: boolean,
    requireStable = false,
  ): Promise<ReadonlyMap<Position, number> | number> {
    const invokedMs = this.#client.nowMs;
    const topics = positions.map(({ name, partition }) => ({ name, partitionIndexes: [partition] }));
    const draft = usesGroups
      ? { groups: [{ groupId: this.#group, topics }], requireStable }
      : { groupId: this.#group, topics, requireStable };
    const answer = await this.call(FETCH, usesGroups ? OFFSET_FETCH_GROUPS_VERSION : OFFSET_FETCH_VERSION, draft);
    const { errorCode, topics: found } = usesGroups ? answer.groups[0] : answer;
    if (errorCode !== ErrorCode.NONE) return errorCode;
    const offsets = new Map<Position, number>();
    for (const position of positions) {
      const partition = found
        .filter((topic) => topic.name === position.name)
        .flatMap((topic) => topic.partitions)
        .find((one) => one.partitionIndex === position.partition);
      if (partition === undefined) throw new Error(`${this.#client.name}: an OffsetFetch answer leaves something out`);
      if (partition.errorCode !== ErrorCode.NONE) return partition.errorCode;
      offsets.set(position, partition.committedOffset);
      this.#client.world.record({
        type: "committed",
        client: this.#client.name,
        group: this.#group,
        topic: topicKey(position),
        partition: position.partition,
        offset: partition.committedOffset,
        invokedMs,
        completedMs: this.#client.nowMs,
      });
    }
    return offsets;
  }
}

function commitError(answer: OffsetCommitResponse, position: Position, version: number): number {
  const byId = version >= FIRST_VERSION_BY_TOPIC_ID;
  const partition = answer.topics
    .filter((topic) => (byId ? topic.topicId === position.topicId : topic.name === position.name))
    .flatMap((topic) => topic.partitions)
    .find((one) => one.partitionIndex === position.partition);
  if (partition === undefined) throw new Error("an OffsetCommit answer leaves something out");
  return partition.errorCode;
}
