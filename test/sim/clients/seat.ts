import { ErrorCode } from "#protocol/errors.ts";
import { JoinGroupRequest, JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import { HeartbeatRequest, HeartbeatResponse } from "#protocol/messages/12-heartbeat.ts";
import { SyncGroupRequest, SyncGroupResponse } from "#protocol/messages/14-sync-group.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeConsumerProtocol,
  encodeConsumerProtocol,
} from "#protocol/stored/consumer-protocol.ts";
import type { CopierSpec, SeatSpec } from "../workload.ts";
import { type KnownTopic, type SimClient, topicKey } from "./client.ts";
import { ignoreLost } from "./connection.ts";
import { Coordinator, hasMoved, type Membership } from "./coordinator.ts";

const JOIN = { request: JoinGroupRequest, response: JoinGroupResponse };
const SYNC = { request: SyncGroupRequest, response: SyncGroupResponse };
const HEARTBEAT = { request: HeartbeatRequest, response: HeartbeatResponse };
const JOIN_VERSION = 7;
const SYNC_VERSION = 5;
const HEARTBEAT_VERSION = 4;
const PROTOCOL = "sim";
const PROTOCOL_TYPE = "consumer";
const JOIN_PATIENCE_MS = 15_000;
const LOOK_AROUND_SHARE = 0.2;

export interface SeatPart {
  readonly name: string;
  readonly partition: number;
}

/** A place in a group, for somebody who reads by himself and commits in transactions (KIP-447). */
export interface Seat {
  /** It has no part, or is to give up what it has: between two transactions `take` is due. */
  readonly isOver: boolean;
  /** As it is now. What is read now may only be committed with this. */
  readonly membership: Membership;
  /** Gives up what it had, and waits until it has a part, which may be empty. */
  take(): Promise<readonly SeatPart[]>;
}

type Plan = Pick<CopierSpec, "group" | "from"> & { readonly seat: SeatSpec };

/** In a classic group: heartbeats go on beside the transactions, and tell of rebalances. */
export class ClassicSeat implements Seat {
  readonly #client: SimClient;
  readonly #plan: Plan;
  readonly #coordinator: Coordinator;
  #memberId = "";
  #generation = -1;
  /** How many partitions it has shared out as a leader. */
  #shared: number | null = null;
  #isOver = true;

  constructor(client: SimClient, plan: Plan) {
    this.#client = client;
    this.#plan = plan;
    this.#coordinator = new Coordinator(client, plan.group);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get membership(): Membership {
    return { memberId: this.#memberId, groupInstanceId: null, generation: this.#generation };
  }

  async take(): Promise<readonly SeatPart[]> {
    this.#isOver = true;
    for (let failures = 0; ; failures++) {
      const part = await this.#tryToTake();
      if (part !== null) return part;
      await this.#client.backOff(failures);
    }
  }

  async #tryToTake(): Promise<readonly SeatPart[] | null> {
    try {
      await this.#client.refresh(this.#plan.from);
      const known = new Map(this.#client.topics);
      if (!this.#plan.from.every((name) => known.has(name))) return null;
      const joined = await this.#join();
      return joined === null ? null : await this.#sync(joined, known);
    } catch (error) {
      ignoreLost(error);
      return null;
    }
  }

  async #join(): Promise<JoinGroupResponse | null> {
    const { group, from, seat } = this.#plan;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = seat;
    const invokedMs = this.#client.nowMs;
    const draft = {
      groupId: group,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId: this.#memberId,
      protocolType: PROTOCOL_TYPE,
      protocols: [
        { name: PROTOCOL, metadata: encodeConsumerProtocol(ConsumerProtocolSubscription, { topics: from }, 0) },
      ],
    };
    const answer = await this.#coordinator.call(JOIN, JOIN_VERSION, draft, rebalanceTimeoutMs + JOIN_PATIENCE_MS);
    const { errorCode, memberId, generationId: generation } = answer;
    if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.#memberId = memberId;
    else if (errorCode !== ErrorCode.NONE) this.#onError(errorCode);
    if (errorCode !== ErrorCode.NONE) return null;
    this.#memberId = memberId;
    const { name: client, nowMs: completedMs } = this.#client;
    this.#client.world.record({ type: "join", client, group, memberId, generation, invokedMs, completedMs });
    return answer;
  }

  async #sync(
    { generationId, leader, memberId, members }: JoinGroupResponse,
    known: ReadonlyMap<string, KnownTopic>,
  ): Promise<readonly SeatPart[] | null> {
    const isLeader = leader === memberId;
    const invokedMs = this.#client.nowMs;
    const draft = {
      groupId: this.#plan.group,
      generationId,
      memberId,
      protocolType: PROTOCOL_TYPE,
      protocolName: PROTOCOL,
      assignments: isLeader ? this.#share(members, known) : [],
    };
    const patienceMs = this.#plan.seat.rebalanceTimeoutMs + JOIN_PATIENCE_MS;
    const answer = await this.#coordinator.call(SYNC, SYNC_VERSION, draft, patienceMs);
    if (answer.errorCode !== ErrorCode.NONE) {
      this.#onError(answer.errorCode);
      return null;
    }
    const part = partsIn(answer.assignment);
    this.#client.world.record({
      type: "assignment",
      client: this.#client.name,
      group: this.#plan.group,
      memberId,
      instanceId: null,
      generation: generationId,
      invokedMs,
      completedMs: this.#client.nowMs,
      partitions: part.map(({ name, partition }) => {
        return { topic: topicKey(known.get(name) as KnownTopic), partition };
      }),
    });
    this.#generation = generationId;
    this.#shared = isLeader ? countOf(this.#plan.from, known) : null;
    this.#isOver = false;
    this.#client.process.spawn(() => this.#beat(generationId));
    return part;
  }

  /** Every partition to one member, in turns. */
  #share(members: readonly { readonly memberId: string }[], known: ReadonlyMap<string, KnownTopic>) {
    const all = this.#plan.from.flatMap((name) =>
      (known.get(name)?.leaders ?? []).map((_, partition) => ({ name, partition })),
    );
    return members.map(({ memberId }, at) => {
      const own = all.filter((_, index) => index % members.length === at);
      const byTopic = Map.groupBy(own, ({ name }) => name);
      const assignedPartitions = [...byTopic].map(([topic, parts]) => {
        return { topic, partitions: parts.map(({ partition }) => partition) };
      });
      return { memberId, assignment: encodeConsumerProtocol(ConsumerProtocolAssignment, { assignedPartitions }, 0) };
    });
  }

  /** Until it hears that its part isn't its own any more. */
  async #beat(generationId: number): Promise<void> {
    const isCurrent = () => !this.#isOver && this.#generation === generationId;
    while (isCurrent()) {
      await this.#client.process.sleep(this.#plan.seat.heartbeatMs);
      if (!isCurrent()) return;
      try {
        const draft = { groupId: this.#plan.group, generationId, memberId: this.#memberId };
        const { errorCode } = await this.#coordinator.call(HEARTBEAT, HEARTBEAT_VERSION, draft);
        if (!isCurrent()) return;
        if (errorCode !== ErrorCode.NONE) this.#onError(errorCode);
        else await this.#lookAround();
      } catch (error) {
        ignoreLost(error);
      }
    }
  }

  /** A leader looks for partitions that have come. */
  async #lookAround(): Promise<void> {
    const { process, topics } = this.#client;
    if (this.#shared === null || !process.random.chance(LOOK_AROUND_SHARE)) return;
    await this.#client.refresh(this.#plan.from);
    if (this.#shared !== null && countOf(this.#plan.from, topics) > this.#shared) this.#isOver = true;
  }

  #onError(errorCode: number): void {
    if (hasMoved(errorCode)) return this.#coordinator.forget();
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#memberId = "";
    this.#isOver = true;
  }
}

function countOf(names: readonly string[], topics: ReadonlyMap<string, KnownTopic>): number {
  return names.reduce((sum, name) => sum + (topics.get(name)?.leaders.length ?? 0), 0);
}

function partsIn(assignment: Uint8Array): SeatPart[] {
  if (assignment.length === 0) return [];
  const { assignedPartitions } = decodeConsumerProtocol(ConsumerProtocolAssignment, assignment);
  return assignedPartitions.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ name: topic, partition })),
  );
}
