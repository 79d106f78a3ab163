import { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { CHANGE_DECODERS } from "#group/streams/changes.ts";
import type { StreamsHeartbeatCommand } from "#group/streams/heartbeat.ts";
import { DEFAULT_STREAMS_GROUP_CONFIG, type StreamsGroupConfig } from "#group/streams/limits.ts";
import type { CurrentTasks } from "#group/streams/member.ts";
import { type AnyTasks, NO_TASKS, ROLES, type RoleTasks, sortedTasks, tasksOf } from "#group/streams/tasks.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { storedKind } from "#protocol/stored/record.ts";
import { NamedTopics } from "../named-topics.ts";
import { PlayedCoordinator } from "../played-coordinator.ts";
import { COUNTING } from "./topologies.ts";

const GROUP = "g";

export type StreamsStep =
  | { readonly kind: "join" | "beat" | "give back" | "leave" | "pause" | "crash"; readonly who: string }
  | { readonly kind: "topic"; readonly name: string; readonly partitions: number }
  | { readonly kind: "standby"; readonly replicas: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "create" | "delete" };

/** An instance as it believes itself to be. */
interface Client {
  memberEpoch: number;
  /** What it was told last. */
  told: RoleTasks;
  /** What it runs: all that it was told, and what it hasn't let go of yet. */
  running: RoleTasks;
}

/** Plays one streams group with clients that do what they are told, sooner or later. `a` and `b` run in one process; `s1` and `s2` are static. */
export class StreamsScenario {
  readonly topics: NamedTopics;
  readonly played: PlayedCoordinator;
  readonly clients = new Map<string, Client>();
  private config: StreamsGroupConfig = DEFAULT_STREAMS_GROUP_CONFIG;
  private missing: readonly { readonly name: string; readonly partitions: number }[] = [];

  constructor(topics = new NamedTopics()) {
    this.topics = topics;
    const { config } = { config: () => DEFAULT_GROUP_CONFIG };
    this.played = new PlayedCoordinator(new GroupCoordinator({ topics, config, streamsConfig: () => this.config }));
  }

  static processOf(who: string): string {
    return who === "a" || who === "b" ? "ab" : who;
  }

  get log(): readonly CoordinatorRecord[] {
    return this.played.log;
  }

  get machine(): GroupCoordinator {
    return this.played.machine;
  }

  /** What a coordinator knows that has loaded these records. */
  knownBy(records: readonly CoordinatorRecord[]): string[] {
    const other = new StreamsScenario(this.topics);
    for (const record of records) other.machine.replay(record);
    return other.known();
  }

  /** What is stored of the group; what only a heartbeat brings to light is no part of it. */
  known(): string[] {
    const stored = [...this.machine.liveRecords()].map(({ key, value }) => `${key.join()} ${value?.join()}`);
    return [this.machine.kindOf(GROUP) ?? "none", ...stored.sort()];
  }

  describe() {
    return this.machine.streams.describe(GROUP);
  }

  /** What members have and have yet to give back, as it is stored. */
  current(): Map<string, CurrentTasks> {
    const members = new Map<string, CurrentTasks>();
    for (const record of this.machine.liveRecords()) {
      const change = CHANGE_DECODERS.get(storedKind(record.key))?.(record).change;
      if (change?.kind === "current" && change.value !== null) members.set(change.memberId, change.value);
    }
    return members;
  }

  run(step: StreamsStep): void {
    switch (step.kind) {
      case "join":
        this.clients.set(step.who, { memberEpoch: 0, told: NO_TASKS, running: NO_TASKS });
        this.beat(step.who, { topology: COUNTING, rebalanceTimeoutMs: 60_000 });
        break;
      case "beat":
        this.beat(step.who, {});
        break;
      case "give back":
        this.giveBack(step.who);
        break;
      case "leave":
        this.leave(step.who, -1);
        break;
      case "pause":
        if (instanceOf(step.who) !== null) this.leave(step.who, -2);
        break;
      case "crash":
        this.clients.delete(step.who);
        break;
      case "topic":
        this.topics.set(step.name, step.partitions);
        this.played.take(
          this.machine.forgetDeletedTopics({ ...this.topics, hasPartition: () => true } as never, this.played.nowMs),
        );
        break;
      case "create":
        for (const { name, partitions } of this.missing) this.topics.set(name, partitions);
        break;
      case "standby":
        this.config = { ...this.config, standbyReplicas: step.replicas };
        break;
      case "delete":
        this.played.take(this.machine.deleteGroups([GROUP], this.played.nowMs));
        break;
      case "wait":
        this.played.wait(step.ms);
    }
  }

  private leave(who: string, memberEpoch: number): void {
    if (!this.clients.has(who)) return;
    this.send(who, { memberEpoch });
    this.clients.delete(who);
  }

  private giveBack(who: string): void {
    const client = this.clients.get(who);
    if (client !== undefined) client.running = client.told;
  }

  private beat(who: string, more: Partial<StreamsHeartbeatCommand>): void {
    const client = this.clients.get(who);
    if (client === undefined) return;
    const { memberEpoch, running } = client;
    const reply = this.send(who, { memberEpoch, tasks: running, ...more });
    if (reply.kind === "refused") this.clients.delete(who);
    if (reply.kind !== "beat") return;
    client.memberEpoch = reply.memberEpoch;
    this.missing = reply.missingTopics;
    if (reply.assigned === null) return;
    const { active, standby, warmup } = reply.assigned;
    client.told = { active: copyOf(active), standby: copyOf(standby), warmup: copyOf(warmup) };
    client.running = together(client.running, client.told);
  }

  private send(memberId: string, more: Partial<StreamsHeartbeatCommand>) {
    const command: StreamsHeartbeatCommand = {
      groupId: GROUP,
      memberId,
      memberEpoch: 0,
      groupInstanceId: instanceOf(memberId),
      rackId: null,
      clientId: "c",
      clientHost: "/h",
      rebalanceTimeoutMs: -1,
      topology: null,
      tasks: NO_TASKS,
      processId: StreamsScenario.processOf(memberId),
      userEndpoint: null,
      clientTags: null,
      taskOffsets: null,
      taskEndOffsets: null,
      endpointEpoch: 0,
      isShutdown: false,
      knowsClientTags: true,
      ...more,
    };
    return this.played.decide((turn) => this.machine.streams.heartbeat(command, turn));
  }
}

function instanceOf(who: string): string | null {
  return who.startsWith("s") ? "i" : null;
}

function copyOf(tasks: AnyTasks): RoleTasks["active"] {
  return tasksOf(sortedTasks(tasks));
}

function together(one: RoleTasks, other: RoleTasks): RoleTasks {
  const [active, standby, warmup] = ROLES.map((role) =>
    tasksOf([...sortedTasks(one[role]), ...sortedTasks(other[role])]),
  );
  return { active, standby, warmup };
}

/** `subtopology_partition` of each. */
export function namesOf(tasks: AnyTasks): string[] {
  return sortedTasks(tasks).flatMap(({ subtopologyId, partitions }) =>
    partitions.map((one) => `${subtopologyId}_${one}`),
  );
}
