import { ErrorCode } from "#protocol/errors.ts";
import { JoinGroupRequest, JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import { HeartbeatRequest, HeartbeatResponse } from "#protocol/messages/12-heartbeat.ts";
import { LeaveGroupRequest, LeaveGroupResponse } from "#protocol/messages/13-leave-group.ts";
import { SyncGroupRequest, SyncGroupResponse } from "#protocol/messages/14-sync-group.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeConsumerProtocol,
  encodeConsumerProtocol,
} from "#protocol/stored/consumer-protocol.ts";
import type { Process } from "../process.ts";
import type { MemberSpec } from "../workload.ts";
import { type ClientWorld, type KnownTopic, SimClient, topicKey } from "./client.ts";
import { LostError } from "./connection.ts";
import { Coordinator, hasMoved } from "./coordinator.ts";
import { Fetcher, type Position } from "./fetcher.ts";

const JOIN = { request: JoinGroupRequest, response: JoinGroupResponse };
const SYNC = { request: SyncGroupRequest, response: SyncGroupResponse };
const HEARTBEAT = { request: HeartbeatRequest, response: HeartbeatResponse };
const LEAVE = { request: LeaveGroupRequest, response: LeaveGroupResponse };
const FIRST_JOIN_VERSION_WITH_INSTANCES = 5;
const FIRST_JOIN_VERSION_WITH_PROTOCOL_IN_SYNC = 7;
const PROTOCOL = "sim";
const PROTOCOL_TYPE = "consumer";

interface Assigned {
  /** How many partitions its leader has shared out; null for the others. */
  readonly shared: number | null;
  readonly memberId: string;
  readonly generation: number;
  /** Before it knows where the group stands it has nothing to commit. */
  isSought: boolean;
  readonly positions: readonly Position[];
}

/** What a member is told to do next. */
type Verdict = "go-on" | "rejoin" | "rejoin-as-new" | "fenced";

/** A consumer in a classic group: joins, syncs, sends heartbeats, reads and commits, and rejoins when it is told to. */
export class Member extends SimClient {
  readonly spec: MemberSpec;
  readonly #coordinator: Coordinator;
  #memberId = "";
  /** The topics as they were when it joined. */
  #known: ReadonlyMap<string, KnownTopic> = new Map();
  #isLeaving = false;
  #serving: { readonly assigned: Assigned; readonly fetcher: Fetcher } | null = null;

  constructor(process: Process, world: ClientWorld, spec: MemberSpec) {
    super(process, world);
    this.spec = spec;
    this.#coordinator = new Coordinator(this, spec.group);
  }

  /** The newest offsets that this member has read to, by topic and partition. */
  get positions(): readonly Position[] {
    return this.#serving?.assigned.positions ?? [];
  }

  async run(): Promise<void> {
    while (!this.#isLeaving) {
      const assigned = await this.#joinAndSync();
      if (assigned === null) continue;
      const verdict = await this.#serve(assigned);
      if (verdict === "rejoin-as-new") this.#memberId = "";
      if (verdict === "fenced") return;
    }
  }

  /** Commits, says goodbye if it is a dynamic member, and ends. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    const serving = this.#serving;
    serving?.fetcher.close();
    if (serving !== null) await this.#commit(serving.assigned);
    if (this.spec.instanceId === null && this.#memberId !== "") {
      const members = [{ memberId: this.#memberId, groupInstanceId: null }];
      try {
        await this.#coordinator.call(LEAVE, 4, { groupId: this.spec.group, members });
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
      }
    }
    this.process.kill();
  }

  async #joinAndSync(): Promise<Assigned | null> {
    try {
      await this.refresh(this.spec.topics);
      if (!this.spec.topics.every((name) => this.topics.has(name))) throw new LostError("the topics aren't known");
      this.#known = new Map(this.topics);
      const joined = await this.#join();
      if (joined === null) return null;
      // A leader thinks about its assignment; now and then a client is slow just here, and a rebalance passes it by.
      const { random } = this.process;
      await this.process.sleep(
        random.chance(this.spec.slowShare) ? random.between(1_000, 12_000) : random.exponential(3),
      );
      return await this.#sync(joined);
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      await this.backOff(1);
      return null;
    }
  }

  async #join(): Promise<JoinGroupResponse | null> {
    const { group, joinVersion, sessionTimeoutMs, rebalanceTimeoutMs } = this.spec;
    const metadata = encodeConsumerProtocol(ConsumerProtocolSubscription, { topics: this.spec.topics }, 0);
    const invokedMs = this.nowMs;
    const draft = {
      groupId: group,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId: this.#memberId,
      groupInstanceId: this.#instanceId,
      protocolType: PROTOCOL_TYPE,
      protocols: [{ name: PROTOCOL, metadata }],
    };
    const answer = await this.#coordinator.call(JOIN, joinVersion, draft, rebalanceTimeoutMs + 15_000);
    const { errorCode, memberId, generationId } = answer;
    if (errorCode === ErrorCode.NONE) {
      this.#memberId = memberId;
      this.world.record({
        type: "join",
        client: this.name,
        group,
        memberId,
        generation: generationId,
        invokedMs,
        completedMs: this.nowMs,
      });
      return answer;
    }
    if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.#memberId = memberId;
    else await this.#onError(errorCode);
    return null;
  }

  get #instanceId(): string | null {
    return this.spec.joinVersion >= FIRST_JOIN_VERSION_WITH_INSTANCES ? this.spec.instanceId : null;
  }

  async #onError(errorCode: number): Promise<Verdict> {
    if (hasMoved(errorCode)) {
      this.#coordinator.forget();
      await this.backOff(1);
      return "go-on";
    }
    switch (errorCode) {
      case ErrorCode.NONE:
        return "go-on";
      case ErrorCode.UNKNOWN_MEMBER_ID:
        this.#memberId = "";
        return "rejoin-as-new";
      case ErrorCode.FENCED_INSTANCE_ID:
        // Somebody else is this instance now; a stock consumer ends here.
        this.#isLeaving = true;
        this.process.kill();
        return "fenced";
      default:
        await this.backOff(1);
        return "rejoin";
    }
  }

  async #sync(joined: JoinGroupResponse): Promise<Assigned | null> {
    const { generationId, leader, memberId, members, skipAssignment } = joined;
    const isLeader = leader === memberId && !skipAssignment;
    const assignments = isLeader ? this.#assign(members.map((member) => member.memberId)) : [];
    const shared = this.#partitionCount;
    const names = this.spec.joinVersion >= FIRST_JOIN_VERSION_WITH_PROTOCOL_IN_SYNC;
    const invokedMs = this.nowMs;
    const draft = {
      groupId: this.spec.group,
      generationId,
      memberId,
      groupInstanceId: this.#instanceId,
      protocolType: names ? PROTOCOL_TYPE : null,
      protocolName: names ? PROTOCOL : null,
      assignments,
    };
    const answer = await this.#coordinator.call(SYNC, names ? 5 : 3, draft, this.spec.rebalanceTimeoutMs + 15_000);
    if (answer.errorCode !== ErrorCode.NONE) {
      await this.#onError(answer.errorCode);
      return null;
    }
    const positions = this.#positionsIn(answer.assignment);
    this.world.record({
      type: "assignment",
      client: this.name,
      group: this.spec.group,
      memberId,
      instanceId: this.#instanceId,
      generation: generationId,
      invokedMs,
      completedMs: this.nowMs,
      partitions: positions.map((position) => ({ topic: topicKey(position), partition: position.partition })),
    });
    return {
      shared: isLeader ? shared : null,
      memberId,
      generation: generationId,
      isSought: positions.length === 0,
      positions,
    };
  }

  get #partitionCount(): number {
    return this.spec.topics.reduce((sum, name) => sum + (this.topics.get(name)?.leaders.length ?? 0), 0);
  }

  /** Every partition to one member, in turns. */
  #assign(memberIds: readonly string[]) {
    const parts = new Map(memberIds.map((memberId) => [memberId, new Map<string, number[]>()]));
    let next = 0;
    for (const name of this.spec.topics) {
      const count = this.topics.get(name)?.leaders.length ?? 0;
      for (let partition = 0; partition < count; partition++) {
        const part = parts.get(memberIds[next++ % memberIds.length]) as Map<string, number[]>;
        part.set(name, [...(part.get(name) ?? []), partition]);
      }
    }
    return [...parts].map(([memberId, part]) => {
      const assignedPartitions = [...part].map(([topic, partitions]) => ({ topic, partitions }));
      return { memberId, assignment: encodeConsumerProtocol(ConsumerProtocolAssignment, { assignedPartitions }, 0) };
    });
  }

  #positionsIn(assignment: Uint8Array): Position[] {
    if (assignment.length === 0) return [];
    const { assignedPartitions } = decodeConsumerProtocol(ConsumerProtocolAssignment, assignment);
    return assignedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => {
        const topicId = (this.#known.get(topic) as KnownTopic).topicId;
        return { name: topic, topicId, partition, offset: 0 };
      }),
    );
  }

  /** Reads and commits until the coordinator wants something else. */
  async #serve(assigned: Assigned): Promise<Verdict> {
    const fetcher = new Fetcher(this, this.spec.fetch, this.spec.group);
    this.#serving = { assigned, fetcher };
    let verdict: Verdict = "go-on";
    const isOver = () => verdict !== "go-on" || this.#isLeaving;
    this.process.spawn(async () => {
      if (!(await this.#seek(assigned, isOver))) return;
      fetcher.add(assigned.positions);
      while (!isOver()) {
        await this.process.sleep(this.spec.commitEveryMs);
        if (isOver()) return;
        const errorCode = await this.#commit(assigned);
        if (!isOver() && errorCode !== null) verdict = await this.#commitVerdict(errorCode);
      }
    });
    while (!isOver()) {
      await this.process.sleep(this.spec.heartbeatMs);
      if (isOver()) break;
      const next = await this.#lookAround(assigned);
      if (!isOver()) verdict = next;
    }
    fetcher.close();
    if (verdict === "rejoin" && !this.#isLeaving) await this.#commit(assigned);
    this.#serving = this.#isLeaving ? this.#serving : null;
    return verdict;
  }

  /** A heartbeat; the leader also looks for partitions that have come. */
  async #lookAround(assigned: Assigned): Promise<Verdict> {
    const verdict = await this.#heartbeat(assigned);
    if (verdict !== "go-on" || assigned.shared === null || this.process.random.chance(0.8)) return verdict;
    await this.refresh(this.spec.topics);
    return this.#partitionCount > assigned.shared ? "rejoin" : "go-on";
  }

  #commitVerdict(errorCode: number): Promise<Verdict> {
    // A rebalance is under way; the heartbeat tells what to do.
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return Promise.resolve("go-on");
    return this.#onError(errorCode);
  }

  /** Goes to what the group has committed, or to the beginning. */
  async #seek(assigned: Assigned, isOver: () => boolean): Promise<boolean> {
    const usesGroups = this.spec.commitVersion >= 8;
    while (!isOver()) {
      try {
        const committed =
          assigned.positions.length === 0
            ? new Map()
            : await this.#coordinator.committed(assigned.positions, usesGroups);
        if (typeof committed !== "number") {
          for (const [position, offset] of committed) position.offset = Math.max(offset, 0);
          assigned.isSought = true;
          return true;
        }
        if (hasMoved(committed)) this.#coordinator.forget();
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
      }
      await this.backOff(1);
    }
    return false;
  }

  #commit(assigned: Assigned): Promise<number | null> {
    if (!assigned.isSought) return Promise.resolve(ErrorCode.NONE);
    const member = { memberId: assigned.memberId, groupInstanceId: this.#instanceId, generation: assigned.generation };
    return this.#coordinator.commit(assigned.positions, member, this.spec.commitVersion);
  }

  async #heartbeat({ generation, memberId }: Assigned): Promise<Verdict> {
    try {
      const draft = { groupId: this.spec.group, generationId: generation, memberId, groupInstanceId: this.#instanceId };
      const { errorCode } = await this.#coordinator.call(HEARTBEAT, 3, draft);
      return errorCode === ErrorCode.REBALANCE_IN_PROGRESS ? "rejoin" : await this.#onError(errorCode);
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      return "go-on";
    }
  }
}
