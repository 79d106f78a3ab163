import { ErrorCode } from "#protocol/errors.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import type { OffsetsEvent } from "../../checker/history.ts";
import type { FetchSpec } from "../workload.ts";
import { type SimClient, topicKey } from "./client.ts";
import { LostError } from "./connection.ts";
import { openRecords } from "./values.ts";

const FETCH = { request: FetchRequest, response: FetchResponse };
const LIST_OFFSETS = { request: ListOffsetsRequest, response: ListOffsetsResponse };
const FIRST_VERSION_BY_TOPIC_ID = 13;
const FIRST_VERSION_WITH_LOG_START = 5;
const FIRST_VERSION_WITH_SESSIONS = 7;
/** How ListOffsets is asked for each place that it knows. */
const PLACES: { readonly [Which in OffsetsEvent["which"]]: { readonly timestamp: number; readonly version: number } } =
  {
    latest: { timestamp: -1, version: 7 },
    earliest: { timestamp: -2, version: 7 },
    "max-timestamp": { timestamp: -3, version: 7 },
    "earliest-local": { timestamp: -4, version: 8 },
    "latest-tiered": { timestamp: -5, version: 9 },
    "earliest-pending": { timestamp: -6, version: 11 },
    stable: { timestamp: -1, version: 7 },
  };
const IDLE_MS = 100;
const LOOK_FOR_LEADERS_MS = 1_000;
const NO_SESSION = { id: 0, epoch: 0 };
const FINAL_EPOCH = -1;
export const READ_COMMITTED = 1;

export interface Position {
  readonly name: string;
  readonly topicId: string;
  readonly partition: number;
  offset: number;
}

interface Session {
  id: number;
  epoch: number;
  /** What the broker was told to fetch, by position. */
  readonly told: Map<Position, number>;
}

/** What a consumer does to read: a loop for each broker, fetch sessions, and new starts where an offset is out of range. */
export class Fetcher {
  readonly positions = new Set<Position>();
  readonly #client: SimClient;
  readonly #spec: FetchSpec;
  readonly #group: string | null;
  readonly #loops = new Set<number>();
  #isClosed = false;
  #isLooking = false;

  constructor(client: SimClient, spec: FetchSpec, group: string | null) {
    this.#client = client;
    this.#spec = spec;
    this.#group = group;
  }

  /** Reads these partitions from now on. */
  add(positions: readonly Position[]): void {
    for (const position of positions) this.positions.add(position);
    this.#ensureLoops();
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#client.process.spawn(() => this.#lookForLeaders());
  }

  /** Somebody else may have heard of a partition before we did. */
  async #lookForLeaders(): Promise<void> {
    while (!this.#isClosed) {
      await this.#client.process.sleep(LOOK_FOR_LEADERS_MS);
      const lost = [...this.positions].filter((position) => this.#leaderOf(position) === undefined);
      if (lost.length === 0) continue;
      await this.#client.refresh([...new Set(lost.map(({ name }) => name))]);
      this.#ensureLoops();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.positions.clear();
  }

  #leaderOf({ name, topicId, partition }: Position): number | undefined {
    const topic = this.#client.topics.get(name);
    return topic?.topicId === topicId ? topic.leaders[partition] : undefined;
  }

  #ensureLoops(): void {
    for (const position of this.positions) {
      const leader = this.#leaderOf(position);
      if (leader === undefined || this.#loops.has(leader)) continue;
      this.#loops.add(leader);
      this.#client.process.spawn(() => this.#loop(leader));
    }
  }

  async #loop(brokerId: number): Promise<void> {
    const session: Session = { ...NO_SESSION, told: new Map() };
    let failures = 0;
    while (!this.#isClosed) {
      await this.#freeFor(brokerId);
      const targets = [...this.positions].filter((position) => this.#leaderOf(position) === brokerId);
      if (targets.length === 0) {
        await this.#client.process.sleep(IDLE_MS);
        this.#ensureLoops();
        continue;
      }
      try {
        const isFine = await this.#inTurn(brokerId, () => this.#fetch(brokerId, session, targets));
        failures = isFine ? 0 : failures + 1;
        if (isFine) await this.#client.process.sleep(this.#spec.pollGapMs);
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
        failures += 1;
        reset(session);
      }
      if (failures === 0) continue;
      await this.#client.backOff(failures);
      await this.#client.refresh([...new Set([...this.positions].map(({ name }) => name))]);
      this.#ensureLoops();
    }
  }

  /** An assignment that has ended may still wait for an answer. */
  async #freeFor(brokerId: number): Promise<void> {
    const { fetching } = this.#client;
    for (let other = fetching.get(brokerId); other !== undefined; other = fetching.get(brokerId)) await other;
  }

  async #inTurn<T>(brokerId: number, fetch: () => Promise<T>): Promise<T> {
    const { fetching } = this.#client;
    const { promise, resolve } = Promise.withResolvers<void>();
    fetching.set(brokerId, promise);
    try {
      return await fetch();
    } finally {
      fetching.delete(brokerId);
      resolve();
    }
  }

  async #fetch(brokerId: number, session: Session, targets: readonly Position[]): Promise<boolean> {
    const { version, maxWaitMs, maxBytes } = this.#spec;
    const connection = await this.#client.connection(brokerId);
    const asked = new Map(targets.map((position) => [position, position.offset]));
    const hasSessions = this.#spec.hasSessions && version >= FIRST_VERSION_WITH_SESSIONS;
    const isFull = session.epoch === 0 || !hasSessions;
    const named = isFull ? targets : targets.filter((position) => session.told.get(position) !== position.offset);
    // A partition that was given back and got again has another position: it is named anew, and not forgotten.
    const isAsked = (told: Position) => targets.some((target) => isSamePartition(target, told));
    const forgotten = isFull ? [] : [...session.told.keys()].filter((told) => !isAsked(told));
    const draft = {
      isolationLevel: this.#spec.isCommittedOnly ? READ_COMMITTED : 0,
      maxWaitMs,
      minBytes: 1,
      maxBytes,
      sessionId: session.id,
      sessionEpoch: hasSessions ? session.epoch : FINAL_EPOCH,
      topics: named.map((position) => this.#topicOf(position)),
      forgottenTopicsData: forgotten.map(({ name, topicId, partition }) => ({
        topic: name,
        topicId,
        partitions: [partition],
      })),
    };
    const invokedMs = this.#client.nowMs;
    const answer = await connection.call(FETCH, version, draft, maxWaitMs + 10_000);
    if (answer.errorCode !== ErrorCode.NONE) {
      reset(session);
      return answer.errorCode !== ErrorCode.UNKNOWN_TOPIC_ID;
    }
    if (hasSessions) advance(session, answer.sessionId, asked);
    return this.#take(answer, asked, invokedMs);
  }

  #topicOf(position: Position) {
    const { name, topicId, partition, offset } = position;
    const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: this.#spec.partitionMaxBytes }];
    return { topic: name, topicId, partitions };
  }

  async #take(answer: FetchResponse, asked: ReadonlyMap<Position, number>, invokedMs: number): Promise<boolean> {
    const byId = this.#spec.version >= FIRST_VERSION_BY_TOPIC_ID;
    let isFine = true;
    for (const topic of answer.responses) {
      for (const partition of topic.partitions) {
        const position = [...asked.keys()].find(
          (other) =>
            other.partition === partition.partitionIndex &&
            (byId ? other.topicId === topic.topicId : other.name === topic.topic),
        );
        if (position === undefined)
          throw new Error(`${this.#client.name}: a Fetch answer has a partition that wasn't asked for`);
        const fetchOffset = asked.get(position) as number;
        this.#takePartition(position, fetchOffset, partition, invokedMs);
        if (partition.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) await this.#beginAnew(position);
        else if (partition.errorCode !== ErrorCode.NONE) isFine = false;
      }
    }
    return isFine;
  }

  #takePartition(
    position: Position,
    offset: number,
    partition: FetchResponse["responses"][number]["partitions"][number],
    invokedMs: number,
  ): void {
    const { errorCode, highWatermark, lastStableOffset, logStartOffset } = partition;
    const { isCommittedOnly } = this.#spec;
    const aborted = isCommittedOnly ? (partition.abortedTransactions ?? []) : null;
    const { records, nextOffset } = openRecords(partition.records, offset, aborted);
    // What was taken away meanwhile isn't given to the application.
    const isDelivered = this.positions.has(position) && position.offset === offset;
    this.#client.world.record({
      type: "fetch",
      client: this.#client.name,
      topic: topicKey(position),
      partition: position.partition,
      group: isDelivered ? this.#group : null,
      invokedMs,
      completedMs: this.#client.nowMs,
      offset,
      errorCode,
      highWatermark,
      lastStableOffset,
      logStartOffset: this.#spec.version >= FIRST_VERSION_WITH_LOG_START ? logStartOffset : -1,
      nextOffset,
      minBytes: 1,
      isCommittedOnly,
      records,
    });
    if (isDelivered && errorCode === ErrorCode.NONE) position.offset = nextOffset;
  }

  /** `auto.offset.reset=earliest`. */
  async #beginAnew(position: Position): Promise<void> {
    const offset = await listOffset(this.#client, position, "earliest");
    if (offset !== null) position.offset = offset;
  }
}

function isSamePartition(one: Position, other: Position): boolean {
  return one.topicId === other.topicId && one.partition === other.partition;
}

function reset(session: Session): void {
  session.id = NO_SESSION.id;
  session.epoch = NO_SESSION.epoch;
  session.told.clear();
}

function advance(session: Session, sessionId: number, asked: ReadonlyMap<Position, number>): void {
  if (sessionId === NO_SESSION.id) return reset(session);
  session.id = sessionId;
  session.epoch += 1;
  session.told.clear();
  for (const [position, offset] of asked) session.told.set(position, offset);
}

/** Asks the leader for a place in the log, once; null when it can't say. */
export async function listOffset(
  client: SimClient,
  at: Position,
  which: OffsetsEvent["which"],
): Promise<number | null> {
  const leader = client.topics.get(at.name)?.leaders[at.partition];
  if (leader === undefined) return null;
  const connection = await client.connection(leader);
  const invokedMs = client.nowMs;
  const { timestamp, version } = PLACES[which];
  const isolationLevel = which === "stable" ? READ_COMMITTED : 0;
  const topics = [{ name: at.name, partitions: [{ partitionIndex: at.partition, timestamp }] }];
  const answer = await connection.call(LIST_OFFSETS, version, { replicaId: -1, isolationLevel, topics });
  const { errorCode, offset } = answer.topics[0].partitions[0];
  if (errorCode !== ErrorCode.NONE) return null;
  const { name, partition } = at;
  client.world.record({
    type: "offsets",
    client: client.name,
    topic: topicKey({ name, topicId: at.topicId }),
    partition,
    which,
    invokedMs,
    completedMs: client.nowMs,
    offset,
  });
  return offset;
}
