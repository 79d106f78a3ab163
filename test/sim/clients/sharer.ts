import { ErrorCode } from "#protocol/errors.ts";
import {
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponse,
} from "#protocol/messages/76-share-group-heartbeat.ts";
import { ShareFetchRequest, ShareFetchResponse } from "#protocol/messages/78-share-fetch.ts";
import { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from "#protocol/messages/79-share-acknowledge.ts";
import type { AcknowledgementEvent, Pending } from "../../checker/history.ts";
import type { Process } from "../process.ts";
import type { SharerSpec } from "../workload.ts";
import { type ClientWorld, SimClient, topicKey } from "./client.ts";
import { ignoreLost } from "./connection.ts";
import { Coordinator, hasMoved } from "./coordinator.ts";
import { openRecords } from "./values.ts";

const HEARTBEAT = { request: ShareGroupHeartbeatRequest, response: ShareGroupHeartbeatResponse };
const FETCH = { request: ShareFetchRequest, response: ShareFetchResponse };
const ACKNOWLEDGE = { request: ShareAcknowledgeRequest, response: ShareAcknowledgeResponse };
const HEARTBEAT_VERSION = 1;
const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
const MAX_BYTES = 20_000;
const MAX_WAIT_MS = 300;
const BATCH_SIZE = 5;
const LONGEST_HOLD_MS = 5_000;
const TYPES = { gap: 0, accept: 1, release: 2, reject: 3 } as const;

type Said = AcknowledgementEvent["said"][number];

interface Place {
  readonly topicId: string;
  readonly partition: number;
}

/** What it holds of one partition, and what it will say of it. */
interface Held extends Place {
  readonly said: readonly Said[];
}

/** With one leader. */
interface Session {
  epoch: number;
  readonly told: Map<string, Place>;
}

const keyOf = ({ topicId, partition }: Place) => `${topicId} ${partition}`;

/** A consumer of a share group (KIP-932): acquires records, works on them, and says what has become of them. */
export class Sharer extends SimClient {
  readonly spec: SharerSpec;
  readonly #coordinator: Coordinator;
  readonly #memberId: string;
  readonly #loops = new Set<number>();
  #epoch = JOIN_EPOCH;
  #assigned: readonly Place[] = [];
  #isLeaving = false;

  constructor(process: Process, world: ClientWorld, spec: SharerSpec) {
    super(process, world);
    this.spec = spec;
    this.#memberId = process.random.uuid();
    this.#coordinator = new Coordinator(this, spec.group);
  }

  async run(): Promise<void> {
    while (!this.#isLeaving) {
      await this.#beat();
      await this.refresh(this.spec.topics);
      this.#ensureLoops();
      await this.process.sleep(this.spec.heartbeatMs);
    }
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    const draft = { groupId: this.spec.group, memberId: this.#memberId, memberEpoch: LEAVE_EPOCH };
    await this.#coordinator.call(HEARTBEAT, HEARTBEAT_VERSION, draft).catch(ignoreLost);
    this.process.kill();
  }

  async #beat(): Promise<void> {
    const isJoining = this.#epoch === JOIN_EPOCH;
    try {
      const answer = await this.#coordinator.call(HEARTBEAT, HEARTBEAT_VERSION, {
        groupId: this.spec.group,
        memberId: this.#memberId,
        memberEpoch: this.#epoch,
        subscribedTopicNames: isJoining ? this.spec.topics : null,
      });
      if (answer.errorCode === ErrorCode.NONE) {
        this.#epoch = answer.memberEpoch;
        const { assignment } = answer;
        if (assignment === null) return;
        this.#assigned = assignment.topicPartitions.flatMap(({ topicId, partitions }) =>
          partitions.map((partition) => ({ topicId, partition })),
        );
        return;
      }
      if (hasMoved(answer.errorCode)) this.#coordinator.forget();
      const isUnknown =
        answer.errorCode === ErrorCode.UNKNOWN_MEMBER_ID || answer.errorCode === ErrorCode.FENCED_MEMBER_EPOCH;
      if (!isUnknown) return await this.backOff(1);
      this.#epoch = JOIN_EPOCH;
      this.#assigned = [];
    } catch (error) {
      ignoreLost(error);
    }
  }

  #leaderOf({ topicId, partition }: Place): number | undefined {
    for (const topic of this.topics.values()) if (topic.topicId === topicId) return topic.leaders[partition];
    return undefined;
  }

  #ensureLoops(): void {
    for (const place of this.#assigned) {
      const leader = this.#leaderOf(place);
      if (leader === undefined || this.#loops.has(leader)) continue;
      this.#loops.add(leader);
      this.process.spawn(() => this.#loop(leader));
    }
  }

  async #loop(brokerId: number): Promise<void> {
    const session: Session = { epoch: 0, told: new Map() };
    let held: readonly Held[] = [];
    while (!this.#isLeaving) {
      try {
        const next = await this.#turn(brokerId, session, held);
        held = next ?? [];
        if (next === null) await this.#beginAnew(session);
      } catch (error) {
        ignoreLost(error);
        // Who loses the connection loses what it holds.
        held = [];
        await this.#beginAnew(session);
      }
      await this.process.sleep(this.spec.pollGapMs);
    }
  }

  async #beginAnew(session: Session): Promise<void> {
    session.epoch = 0;
    session.told.clear();
    await this.backOff(1);
  }

  /** Says what has become of what it holds, and gets more; null when the session has ended. */
  async #turn(brokerId: number, session: Session, held: readonly Held[]): Promise<readonly Held[] | null> {
    const isTogether = this.spec.isImplicit && session.epoch > 0;
    if (!isTogether && held.length > 0 && !(await this.#acknowledge(brokerId, session, held))) return null;
    const fetched = await this.#fetch(brokerId, session, isTogether ? held : []);
    if (fetched === null || fetched.length === 0) return fetched;
    const { random } = this.process;
    const isSlow = random.chance(this.spec.slowShare);
    await this.process.sleep(isSlow ? random.between(1_000, LONGEST_HOLD_MS) : random.exponential(this.spec.holdMs));
    return fetched;
  }

  /** Written down when it is sent; completed by what the answer says of each partition. */
  #begin(held: readonly Held[]): Map<string, Pending<AcknowledgementEvent>> {
    const events = new Map<string, Pending<AcknowledgementEvent>>();
    for (const { said, ...place } of held) {
      const event: Pending<AcknowledgementEvent> = {
        type: "acknowledgement",
        client: this.name,
        group: this.spec.group,
        memberId: this.#memberId,
        topic: this.#topicOf(place),
        partition: place.partition,
        said,
        outcome: "unknown",
        invokedMs: this.nowMs,
        completedMs: null,
      };
      events.set(keyOf(place), event);
      this.world.record(event);
    }
    return events;
  }

  #topicOf({ topicId }: Place): string {
    for (const topic of this.topics.values()) if (topic.topicId === topicId) return topicKey(topic);
    return `?#${topicId.slice(0, 6)}`;
  }

  #complete(event: Pending<AcknowledgementEvent> | undefined, errorCode: number): void {
    if (event === undefined) return;
    event.outcome = errorCode === ErrorCode.NONE ? "acknowledged" : "refused";
    event.completedMs = this.nowMs;
  }

  async #acknowledge(brokerId: number, session: Session, held: readonly Held[]): Promise<boolean> {
    const connection = await this.connection(brokerId);
    const events = this.#begin(held);
    const { group, version } = this.spec;
    const answer = await connection.call(ACKNOWLEDGE, version, {
      groupId: group,
      memberId: this.#memberId,
      shareSessionEpoch: session.epoch,
      topics: held.map((one) => topicOf(one, one.said)),
    });
    for (const event of events.values()) if (answer.errorCode !== ErrorCode.NONE) this.#complete(event, -1);
    if (answer.errorCode !== ErrorCode.NONE) return false;
    session.epoch += 1;
    for (const { topicId, partitions } of answer.responses) {
      for (const { partitionIndex: partition, errorCode } of partitions)
        this.#complete(events.get(keyOf({ topicId, partition })), errorCode);
    }
    return true;
  }

  async #fetch(brokerId: number, session: Session, held: readonly Held[]): Promise<readonly Held[] | null> {
    const targets = this.#assigned.filter((place) => this.#leaderOf(place) === brokerId);
    if (targets.length === 0 && held.length === 0 && session.told.size === 0) return [];
    const connection = await this.connection(brokerId);
    const wanted = new Map(targets.map((place) => [keyOf(place), place]));
    const added = targets.filter((place) => !session.told.has(keyOf(place)));
    const forgotten = [...session.told].filter(([key]) => !wanted.has(key)).map(([, place]) => place);
    const events = this.#begin(held);
    const said = new Map(held.map((one) => [keyOf(one), one]));
    const named = [...held, ...added.filter((place) => !said.has(keyOf(place)))];
    const { group, version, maxRecords } = this.spec;
    const invokedMs = this.nowMs;
    const draft = {
      groupId: group,
      memberId: this.#memberId,
      shareSessionEpoch: session.epoch,
      maxWaitMs: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      maxRecords,
      batchSize: BATCH_SIZE,
      shareAcquireMode: version === 2 && maxRecords < BATCH_SIZE ? 1 : 0,
      topics: named.map((place) => topicOf(place, said.get(keyOf(place))?.said ?? [])),
      forgottenTopicsData: forgotten.map(({ topicId, partition }) => ({ topicId, partitions: [partition] })),
    };
    const answer = await connection.call(FETCH, version, draft, MAX_WAIT_MS + 10_000);
    if (answer.errorCode !== ErrorCode.NONE) {
      for (const event of events.values()) this.#complete(event, answer.errorCode);
      return null;
    }
    session.epoch += 1;
    session.told.clear();
    for (const [key, place] of wanted) session.told.set(key, place);
    return this.#take(answer, events, invokedMs);
  }

  #take(
    answer: ShareFetchResponse,
    events: ReadonlyMap<string, Pending<AcknowledgementEvent>>,
    invokedMs: number,
  ): Held[] {
    const taken: Held[] = [];
    for (const { topicId, partitions } of answer.responses) {
      for (const { partitionIndex: partition, acknowledgeErrorCode, records, acquiredRecords } of partitions) {
        const place = { topicId, partition };
        this.#complete(events.get(keyOf(place)), acknowledgeErrorCode);
        if (acquiredRecords.length === 0) continue;
        const ranges = acquiredRecords.map(({ firstOffset, lastOffset, deliveryCount }) => ({
          first: firstOffset,
          last: lastOffset,
          deliveryCount,
        }));
        this.world.record({
          type: "acquisition",
          client: this.name,
          group: this.spec.group,
          memberId: this.#memberId,
          topic: this.#topicOf(place),
          partition,
          ranges,
          invokedMs,
          completedMs: this.nowMs,
        });
        const there = new Set(openRecords(records, 0).records.map(({ offset }) => offset));
        const said = ranges.flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, at) => this.#judge(first + at, there.has(first + at))),
        );
        taken.push({ ...place, said });
      }
    }
    return taken;
  }

  #judge(offset: number, isThere: boolean): Said {
    const { random } = this.process;
    const { releaseShare, rejectShare } = this.spec;
    if (!isThere) return { offset, how: "gap" };
    if (random.chance(releaseShare)) return { offset, how: "release" };
    return { offset, how: random.chance(rejectShare) ? "reject" : "accept" };
  }
}

function topicOf({ topicId, partition }: Place, said: readonly Said[]) {
  const batches: { firstOffset: number; lastOffset: number; acknowledgeTypes: number[] }[] = [];
  for (const { offset, how } of said) {
    const last = batches.at(-1);
    if (last?.lastOffset === offset - 1) {
      last.lastOffset = offset;
      last.acknowledgeTypes.push(TYPES[how]);
    } else {
      batches.push({ firstOffset: offset, lastOffset: offset, acknowledgeTypes: [TYPES[how]] });
    }
  }
  return { topicId, partitions: [{ partitionIndex: partition, acknowledgementBatches: batches }] };
}
