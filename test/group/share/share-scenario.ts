import type { Decision as CoordinatorDecision } from "#coordinator/machine.ts";
import { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import type { StateToInitialize, TopicPartitions } from "#group/share/world.ts";
import type { CoordinatorRecord, GroupTopics } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";

const GROUP = "g";

export type ShareGroupStep =
  | { readonly kind: "join"; readonly who: string; readonly topics: readonly string[] }
  | { readonly kind: "beat"; readonly who: string; readonly topics: readonly string[] | null }
  | { readonly kind: "leave"; readonly who: string }
  | { readonly kind: "topic"; readonly name: string; readonly partitions: number }
  | { readonly kind: "made" | "not made" | "delete offsets" | "delete" }
  | { readonly kind: "wait"; readonly ms: number };

/** Topics whose ids begin with their names; one that comes back has another id. */
class Topics implements GroupTopics {
  readonly sizes = new Map<string, number>();
  private readonly births = new Map<string, number>();
  version = 1;

  /** Topics only grow; none has no partitions. */
  set(name: string, partitions: number): void {
    this.version++;
    if (partitions === 0) this.sizes.delete(name);
    else {
      if (!this.sizes.has(name)) this.births.set(name, this.version);
      this.sizes.set(name, Math.max(partitions, this.partitionCountOf(name)));
    }
  }

  imageVersion(): number {
    return this.version;
  }

  topicName(topicId: string): string | undefined {
    return [...this.sizes.keys()].find((name) => this.topicId(name) === topicId);
  }

  topicId(name: string): string | undefined {
    return this.sizes.has(name) ? `${name}${this.births.get(name)}`.padEnd(21, "_").concat("A") : undefined;
  }

  partitionCountOf(name: string): number {
    return this.sizes.get(name) ?? 0;
  }

  topicNames(): Iterable<string> {
    return this.sizes.keys();
  }
}

/** Plays one share group, with share coordinators that make what they are asked for when they are told to. */
export class ShareScenario {
  readonly log: CoordinatorRecord[] = [];
  readonly topics: Topics;
  readonly machine: GroupCoordinator;
  private readonly epochs = new Map<string, number>();
  private readonly timers = new Map<string, number>();
  private toMake: StateToInitialize[] = [];
  private nowMs = 1_000_000;

  constructor(topics = new Topics()) {
    this.topics = topics;
    this.machine = new GroupCoordinator({ topics, config: () => DEFAULT_GROUP_CONFIG });
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
    return [JSON.stringify(rest), ...partitions, ...members.map((member) => JSON.stringify(member)).sort()];
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
        this.take(this.machine.deleteGroups([GROUP], this.nowMs));
        break;
      case "wait":
        this.wait(step.ms);
    }
  }

  private beat(memberId: string, memberEpoch: number, topicNames: readonly string[] | null): void {
    const who = { groupId: GROUP, memberId, rackId: null, clientId: "c", clientHost: "/h" };
    const command = { ...who, memberEpoch, topicNames };
    const reply = this.take(this.machine.decide(this.nowMs, (turn) => this.machine.shares.heartbeat(command, turn)));
    if (reply.kind !== "beat") return;
    this.epochs.set(memberId, reply.memberEpoch);
    if (reply.initialize !== null) this.toMake.push(reply.initialize);
  }

  private setTopic(name: string, partitions: number): void {
    this.topics.set(name, partitions);
    this.take(this.machine.forgetDeletedTopics(this.topics, this.nowMs));
  }

  private made(isMade: boolean): void {
    const state = this.toMake.shift();
    if (state === undefined) return;
    const named: TopicPartitions[] = state.topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => partitionIndex),
    }));
    const errorCode = isMade ? ErrorCode.NONE : ErrorCode.COORDINATOR_NOT_AVAILABLE;
    this.take(
      this.machine.decide(this.nowMs, (turn) => this.machine.shares.initializeEnded(GROUP, named, errorCode, turn)),
    );
  }

  private deleteOffsets(): void {
    const { shares } = this.machine;
    const begun = this.take(this.machine.decide(this.nowMs, (turn) => shares.deleteOffsets(GROUP, ["t", "u"], turn)));
    if (begun.kind !== "deleted") return;
    const topicIds = begun.state.map(({ topicId }) => topicId);
    this.take(this.machine.decide(this.nowMs, (turn) => shares.stateDeleted(GROUP, topicIds, turn)));
  }

  private wait(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [due] = [...this.timers].filter(([, at]) => at <= untilMs).sort(([, one], [, other]) => one - other);
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.nowMs = Math.max(this.nowMs, due[1]);
      this.take(this.machine.onTimer(due[0], this.nowMs));
    }
    this.nowMs = untilMs;
  }

  private take<R>({ records, timers, response }: CoordinatorDecision<R>): R {
    this.log.push(...records);
    for (const timer of timers) {
      if (timer.kind === "set") this.timers.set(timer.key, timer.deadlineMs);
      else this.timers.delete(timer.key);
    }
    return response;
  }
}
