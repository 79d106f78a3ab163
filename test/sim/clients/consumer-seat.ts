import { ErrorCode } from "#protocol/errors.ts";
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "#protocol/messages/68-consumer-group-heartbeat.ts";
import type { CopierSpec, SeatSpec } from "../workload.ts";
import { type SimClient, topicKey } from "./client.ts";
import { ignoreLost } from "./connection.ts";
import { Coordinator, hasMoved, type Membership } from "./coordinator.ts";
import type { Seat, SeatPart } from "./seat.ts";

const HEARTBEAT = { request: ConsumerGroupHeartbeatRequest, response: ConsumerGroupHeartbeatResponse };
const HEARTBEAT_VERSION = 1;
const JOIN_EPOCH = 0;
const PATIENCE_MS = 50;

interface Named extends SeatPart {
  readonly topicId: string;
}

/** In a group of KIP-848: what it is to have changes beside the transactions, and what it has only between two of them. */
export class ConsumerSeat implements Seat {
  readonly #client: SimClient;
  readonly #plan: Pick<CopierSpec, "group" | "from"> & { readonly seat: SeatSpec };
  readonly #coordinator: Coordinator;
  readonly #memberId: string;
  #epoch = JOIN_EPOCH;
  #wanted: readonly Named[] = [];
  #owned: readonly Named[] = [];
  #mustSayAll = true;
  #isOver = true;
  #isBeating = false;

  constructor(client: SimClient, plan: Pick<CopierSpec, "group" | "from"> & { readonly seat: SeatSpec }) {
    this.#client = client;
    this.#plan = plan;
    this.#memberId = client.process.random.uuid();
    this.#coordinator = new Coordinator(client, plan.group);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get membership(): Membership {
    return { memberId: this.#memberId, groupInstanceId: null, generation: this.#epoch };
  }

  async take(): Promise<readonly SeatPart[]> {
    if (!this.#isBeating) this.#client.process.spawn(() => this.#beatAlways());
    this.#isBeating = true;
    // What it was given back then is nobody's before it says so.
    this.#owned = this.#wanted;
    this.#mustSayAll = true;
    while (this.#epoch === JOIN_EPOCH) await this.#client.process.sleep(PATIENCE_MS);
    this.#owned = this.#wanted;
    this.#mustSayAll = true;
    this.#isOver = false;
    return this.#owned;
  }

  async #beatAlways(): Promise<void> {
    for (;;) {
      await this.#beat();
      await this.#client.process.sleep(this.#plan.seat.heartbeatMs);
    }
  }

  async #beat(): Promise<void> {
    const { group, from, seat } = this.#plan;
    const [epoch, owned, isWhole] = [this.#epoch, this.#owned, this.#mustSayAll];
    const invokedMs = this.#client.nowMs;
    const byTopic = Map.groupBy(owned, ({ topicId }) => topicId);
    const topicPartitions = [...byTopic].map(([topicId, parts]) => {
      return { topicId, partitions: parts.map(({ partition }) => partition) };
    });
    this.#mustSayAll = false;
    try {
      const answer = await this.#coordinator.call(HEARTBEAT, HEARTBEAT_VERSION, {
        groupId: group,
        memberId: this.#memberId,
        memberEpoch: epoch,
        rebalanceTimeoutMs: isWhole ? seat.rebalanceTimeoutMs : -1,
        subscribedTopicNames: isWhole ? from : null,
        topicPartitions: isWhole ? topicPartitions : null,
      });
      const completedMs = this.#client.nowMs;
      if (answer.errorCode !== ErrorCode.NONE) return this.#onError(answer.errorCode);
      await this.#take(answer, { epoch, owned, invokedMs, completedMs });
    } catch (error) {
      ignoreLost(error);
      this.#mustSayAll = true;
    }
  }

  async #take(
    { memberEpoch, assignment }: ConsumerGroupHeartbeatResponse,
    sent: { epoch: number; owned: readonly Named[]; invokedMs: number; completedMs: number },
  ): Promise<void> {
    const assigned = assignment === null ? null : await this.#named(assignment.topicPartitions);
    const inHistory = (one: Named) => ({ topic: topicKey(one), partition: one.partition });
    const { epoch, owned, invokedMs, completedMs } = sent;
    this.#client.world.record({
      type: "heartbeat",
      client: this.#client.name,
      group: this.#plan.group,
      memberId: this.#memberId,
      instanceId: null,
      epoch,
      nextEpoch: memberEpoch,
      owned: owned.map(inHistory),
      assigned: assigned?.map(inHistory) ?? null,
      invokedMs,
      completedMs,
    });
    this.#epoch = memberEpoch;
    if (assigned === null) return;
    this.#wanted = assigned;
    const had = new Set(this.#owned.map(keyOf));
    if (assigned.length !== had.size || assigned.some((one) => !had.has(keyOf(one)))) this.#isOver = true;
  }

  /** Names come from metadata, until they know all that it was given. */
  async #named(topics: readonly { topicId: string; partitions: readonly number[] }[]): Promise<readonly Named[]> {
    for (let failures = 0; ; failures++) {
      const names = new Map([...this.#client.topics.values()].map(({ topicId, name }) => [topicId, name]));
      if (topics.every(({ topicId }) => names.has(topicId))) {
        return topics.flatMap(({ topicId, partitions }) =>
          partitions.map((partition) => ({ topicId, partition, name: names.get(topicId) as string })),
        );
      }
      if (failures > 0) await this.#client.backOff(failures);
      await this.#client.refresh(this.#plan.from);
    }
  }

  /** Who is out begins anew, with nothing. */
  #onError(errorCode: number): void {
    this.#mustSayAll = true;
    if (hasMoved(errorCode)) return this.#coordinator.forget();
    if (errorCode !== ErrorCode.UNKNOWN_MEMBER_ID && errorCode !== ErrorCode.FENCED_MEMBER_EPOCH) return;
    this.#epoch = JOIN_EPOCH;
    this.#owned = [];
    this.#wanted = [];
    this.#isOver = true;
  }
}

const keyOf = ({ name, partition }: SeatPart) => `${name} ${partition}`;
