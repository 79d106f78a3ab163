import { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import type { StateToInitialize, TopicPartitions } from "#group/share/world.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { NamedTopics } from "../named-topics.ts";
import { PlayedCoordinator } from "../played-coordinator.ts";

const GROUP = "g";

export type ShareGroupStep =
  | { readonly kind: "join"; readonly who: string; readonly topics: readonly string[] }
  | { readonly kind: "beat"; readonly who: string; readonly topics: readonly string[] | null }
  | { readonly kind: "leave"; readonly who: string }
  | { readonly kind: "topic"; readonly name: string; readonly partitions: number }
  | { readonly kind: "made" | "not made" | "delete offsets" | "delete" }
  | { readonly kind: "wait"; readonly ms: number };

/** Plays one share group, with share coordinators that make what they are asked for when they are told to. */
export class ShareScenario {
  readonly topics: NamedTopics;
  readonly played: PlayedCoordinator;
  private readonly epochs = new Map<string, number>();
  private toMake: StateToInitialize[] = [];
  /** What share coordinators were asked to make, in order. */
  readonly asked: StateToInitialize[] = [];

  readonly budget = new MemberBudget();

  constructor(topics = new NamedTopics()) {
    this.topics = topics;
    const { budget } = this;
    this.played = new PlayedCoordinator(new GroupCoordinator({ topics, config: () => DEFAULT_GROUP_CONFIG, budget }));
  }

  get log(): readonly CoordinatorRecord[] {
    return this.played.log;
  }

  get machine(): GroupCoordinator {
    return this.played.machine;
  }

  /** What a coordinator knows that has loaded these records. */
  knownBy(records: readonly CoordinatorRecord[]): string[] {
    const other = new ShareScenario(this.topics);
    for (const record of records) other.machine.replay(record);
    return other.known();
  }

  /** What the coordinator knows of the group; members come in the order of the log. */
  known(): string[] {
    const group = this.machine.shares.describe(GROUP);
    const { members = [], ...rest } = group ?? {};
    const shared = this.machine.shares.sharedPartitions(GROUP);
    const partitions = shared.map((one) => `${one.topicId} ${[...one.partitions].sort()}`).sort();
    const held = `holds ${this.budget.heldBytes}`;
    return [JSON.stringify(rest), held, ...partitions, ...members.map((member) => JSON.stringify(member)).sort()];
  }

  run(step: ShareGroupStep): void {
    switch (step.kind) {
      case "join":
        this.beat(step.who, 0, step.topics);
        break;
      case "beat":
        this.beat(step.who, this.epochs.get(step.who) ?? 7, step.topics);
        break;
      case "leave":
        this.beat(step.who, -1, null);
        break;
      case "topic":
        this.setTopic(step.name, step.partitions);
        break;
      case "made":
      case "not made":
        this.made(step.kind === "made");
        break;
      case "delete offsets":
        this.deleteOffsets();
        break;
      case "delete":
        this.played.take(this.machine.deleteGroups([GROUP], this.played.nowMs));
        break;
      case "wait":
        this.played.wait(step.ms);
    }
  }

  private beat(memberId: string, memberEpoch: number, topicNames: readonly string[] | null): void {
    const who = { groupId: GROUP, memberId, rackId: null, clientId: "c", clientHost: "/h" };
    const command = { ...who, memberEpoch, topicNames };
    const reply = this.played.decide((turn) => this.machine.shares.heartbeat(command, turn));
    if (reply.kind !== "beat") return;
    this.epochs.set(memberId, reply.memberEpoch);
    if (reply.initialize === null) return;
    this.toMake.push(reply.initialize);
    this.asked.push(reply.initialize);
  }

  private setTopic(name: string, partitions: number): void {
    this.topics.set(name, partitions);
    this.played.take(this.machine.forgetDeletedTopics(this.topics, this.played.nowMs));
  }

  private made(isMade: boolean): void {
    const state = this.toMake.shift();
    if (state === undefined) return;
    const named: TopicPartitions[] = state.topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => partitionIndex),
    }));
    const errorCode = isMade ? ErrorCode.NONE : ErrorCode.COORDINATOR_NOT_AVAILABLE;
    this.played.decide((turn) => this.machine.shares.initializeEnded(GROUP, named, errorCode, turn));
  }

  private deleteOffsets(): void {
    const { shares } = this.machine;
    const begun = this.played.decide((turn) => shares.deleteOffsets(GROUP, ["t", "u"], turn));
    if (begun.kind !== "deleted") return;
    const topicIds = begun.state.map(({ topicId }) => topicId);
    this.played.decide((turn) => shares.stateDeleted(GROUP, topicIds, turn));
  }
}
