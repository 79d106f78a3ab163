import type { ConsumerHeartbeatReply } from "#group/consumer/heartbeat.ts";
import { isRefusal, type Refusal, sortedPartitions } from "#group/consumer/world.ts";
import { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_CONSUMER_GROUP_CONFIG, DEFAULT_GROUP_CONFIG, type GroupConfig } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import type { Decision, Reply } from "#group/turn.ts";
import type { CoordinatorRecord, GroupTopics } from "#ports/coordinator-log.ts";
import { errorName } from "#protocol/errors.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeConsumerProtocol,
  encodeConsumerProtocol,
} from "#protocol/stored/consumer-protocol.ts";
import { storedKind } from "#protocol/stored/record.ts";

type Options = Record<string, string | undefined>;

const KINDS: Readonly<Record<number, string>> = {
  1: "offset",
  2: "classic",
  3: "group",
  5: "member",
  6: "target-epoch",
  7: "target",
  8: "current",
  16: "regex",
};

/** Topics whose ids are their names. */
class Topics implements GroupTopics {
  readonly sizes = new Map<string, number>();
  version = 1;

  set(name: string, partitions: number): void {
    this.version++;
    if (partitions === 0) this.sizes.delete(name);
    else this.sizes.set(name, partitions);
  }

  imageVersion(): number {
    return this.version;
  }

  topicName(topicId: string): string | undefined {
    return this.topicNameOf(topicId);
  }

  topicId(name: string): string | undefined {
    return this.sizes.has(name) ? idOf(name) : undefined;
  }

  partitionCountOf(name: string): number {
    return this.sizes.get(name) ?? 0;
  }

  topicNames(): Iterable<string> {
    return this.sizes.keys();
  }

  private topicNameOf(topicId: string): string | undefined {
    return [...this.sizes.keys()].find((name) => idOf(name) === topicId);
  }
}

/** 22 characters that begin with the name, as an id must have. */
function idOf(name: string): string {
  return name.padEnd(21, "_").concat("A");
}

/**
 * Plays consumer groups by a script, as `Scenario` plays classic ones. A client's name is its member id; it remembers its epoch and what it
 * was told to have. `beat` says nothing new, `ack` says that the client has what it was told; `owned=t/0.1` says something else.
 */
export class ConsumerScenario {
  readonly log: CoordinatorRecord[] = [];
  readonly topics = new Topics();
  readonly budget = new MemberBudget();
  private readonly config: GroupConfig;
  private machine: GroupCoordinator;
  private nowMs = 1_000_000;
  private readonly epochs = new Map<string, number>();
  /** Of members that got their ids from the coordinator. */
  private readonly ids = new Map<string, string>();
  private readonly held = new Map<string, ReadonlyMap<string, ReadonlySet<number>>>();
  private output: string[] = [];
  private token = 0;

  constructor(consumer: Options = {}) {
    const numbers = Object.fromEntries(
      Object.entries(consumer).map(([name, value]) => [name, Number.isNaN(Number(value)) ? value : Number(value)]),
    );
    this.config = { ...DEFAULT_GROUP_CONFIG, consumer: { ...DEFAULT_CONSUMER_GROUP_CONFIG, ...numbers } };
    this.machine = this.newMachine();
    this.take(this.machine.onLoaded(this.nowMs));
  }

  liveRecords(): CoordinatorRecord[] {
    return [...this.machine.liveRecords()];
  }

  /** What a rewrite takes one by one, while the group goes on. */
  rewriting(): Iterator<CoordinatorRecord> {
    return this.machine.liveRecords();
  }

  /** A coordinator of the same cluster that has loaded this log. */
  replayed(log: readonly CoordinatorRecord[]): ConsumerScenario {
    const other = new ConsumerScenario();
    for (const [name, size] of this.topics.sizes) other.topics.sizes.set(name, size);
    for (const record of log) other.machine.replay(record);
    return other;
  }

  private newMachine(): GroupCoordinator {
    return new GroupCoordinator({ topics: this.topics, config: () => this.config, budget: this.budget });
  }

  run(command: string): string {
    this.output = [];
    const [verb, ...words] = command.split(" ").filter((word) => word !== "");
    const pairs = words.filter((word) => /^[a-z]+=/.test(word));
    const options: Options = Object.fromEntries(
      pairs.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
    );
    const names = words.filter((word) => !/^[a-z]+=/.test(word));
    const play = this.verbs[verb];
    if (play === undefined) throw new Error(`no verb ${verb}`);
    play(names, options);
    return this.output.join("\n");
  }

  private readonly verbs: Record<string, (names: string[], options: Options) => void> = {
    topic: ([name, partitions]) => this.topics.set(name, Number(partitions)),
    join: ([name], options) => this.beat(name, { epoch: "0", owned: "", timeout: "60000", topics: "t", ...options }),
    beat: ([name], options) => this.beat(name, options),
    ack: ([name], options) => this.beat(name, { owned: textOf(this.held.get(name) ?? new Map()), ...options }),
    leave: ([name], options) => this.beat(name, { epoch: "-1", ...options }),
    away: ([name], options) => this.beat(name, { epoch: "-2", ...options }),
    describe: () => this.describe(),
    commit: ([name, position], options) => this.commit(name, position, options),
    fetch: ([name], { epoch }) => {
      const memberEpoch = Number(epoch ?? this.epochs.get(name) ?? -1);
      this.say(`${name}: ${errorName(this.machine.admitFetch("g", name, memberEpoch))}`);
    },
    delete: () =>
      this.say(
        this.take(this.machine.deleteGroups(["g"], this.nowMs))
          .map(errorName)
          .join(),
      ),
    classic: ([verb, name], options) => this.classic(verb, name, options),
    advance: ([ms]) => this.advance(Number(ms)),
    reload: () => {
      const before = JSON.stringify(this.machine.consumers.describe("g"));
      this.machine.release();
      this.machine = this.newMachine();
      for (const record of this.log) this.machine.replay(record);
      this.take(this.machine.onLoaded(this.nowMs));
      this.say(JSON.stringify(this.machine.consumers.describe("g")) === before ? "as before" : "NOT AS BEFORE");
    },
  };

  private beat(name: string, options: Options): void {
    const command = {
      groupId: options.group ?? "g",
      memberId: name,
      memberEpoch: Number(options.epoch ?? this.epochs.get(name) ?? 0),
      groupInstanceId: options.instance ?? null,
      rackId: null,
      clientId: "c",
      clientHost: "/h",
      rebalanceTimeoutMs: Number(options.timeout ?? -1),
      topicNames: options.regex !== undefined && options.topics === "t" ? null : listOf(options.topics),
      topicRegex: options.regex ?? null,
      serverAssignor: options.assignor ?? null,
      reported: options.owned === undefined ? null : partitionsOf(options.owned),
      requiresMemberId: true,
      uuid: "uuid",
    };
    const decision = this.machine.decide(this.nowMs, (turn) => this.machine.consumers.heartbeat(command, turn));
    this.say(`${name}: ${this.told(name, this.take(decision))}`);
  }

  private told(name: string, reply: ConsumerHeartbeatReply | Refusal): string {
    if (isRefusal(reply)) return errorName(reply.errorCode);
    this.epochs.set(name, reply.memberEpoch);
    if (reply.assigned !== null)
      this.held.set(name, new Map([...reply.assigned].map(([id, own]) => [id, new Set(own.keys())])));
    return `epoch=${reply.memberEpoch} ${reply.assigned === null ? "as before" : `has ${textOf(this.held.get(name) ?? new Map())}`}`;
  }

  private commit(name: string, position: string, options: Options): void {
    const [topic, partitionIndex] = position.split("/");
    const partitions = [{ partitionIndex: Number(partitionIndex), offset: 1, leaderEpoch: -1, metadata: null }];
    const reply = this.take(
      this.machine.commitOffsets(
        {
          groupId: "g",
          memberId: options.id ?? name,
          groupInstanceId: null,
          generationId: Number(options.epoch ?? this.epochs.get(name) ?? -1),
          isBeforeMemberEpochs: options.v === "8",
          knowsGroupIdNotFound: true,
          retentionTimeMs: -1,
          topics: [{ topic, topicId: idOf(topic), partitions }],
        },
        this.nowMs,
      ),
    );
    this.say(`${name}: ${errorName(reply.outcomes?.[0][0].errorCode ?? reply.errorCode)}`);
  }

  private describe(): void {
    const group = this.machine.consumers.describe("g");
    if (group === undefined) {
      const classic = this.machine.describeGroup("g");
      this.say(classic === undefined ? "no group" : `classic ${classic.groupState} of ${classic.members.length}`);
      return;
    }
    this.say(`${group.groupState} epoch=${group.groupEpoch} target=${group.assignmentEpoch} by ${group.assignorName}`);
    for (const member of group.members) {
      const [has, target] = [member.assigned, member.target].map((topics) =>
        topics.map(({ topicName, partitions }) => `${topicName}/${partitions.join(".")}`).join(),
      );
      const instance = member.groupInstanceId === null ? "" : `!${member.groupInstanceId}`;
      const classic = member.isClassic ? " classic" : "";
      this.say(
        `  ${member.memberId}${instance} epoch=${member.memberEpoch} has ${has || "-"} of ${target || "-"}${classic}`,
      );
    }
  }

  private classic(verb: string, name: string, options: Options): void {
    const generationId = Number(options.gen ?? this.epochs.get(name) ?? -1);
    const who = {
      groupId: "g",
      memberId: options.id ?? this.ids.get(name) ?? name,
      groupInstanceId: options.instance ?? null,
      generationId,
    };
    if (verb === "beat") this.say(`${name}: ${errorName(this.take(this.machine.heartbeat(who, this.nowMs)))}`);
    else if (verb === "leave") {
      const reply = this.take(this.machine.leaveGroup({ groupId: "g", members: [who] }, this.nowMs));
      this.say(`${name}: ${reply.members.map(({ errorCode }) => errorName(errorCode)).join()}`);
    } else if (verb === "sync") {
      const assignments = assignmentsOf(options.assign).map((one) => ({
        ...one,
        memberId: this.ids.get(one.memberId) ?? one.memberId,
      }));
      const protocol = { protocolType: "consumer", protocolName: "range", assignments };
      this.take(this.machine.syncGroup({ ...who, ...protocol, token: this.tokenOf(name) }, this.nowMs));
    } else this.classicJoin(name, options);
  }

  private classicJoin(name: string, options: Options): void {
    const topics = listOf(options.topics ?? "t") ?? [];
    const owned = [...partitionsOf(options.owned ?? "")].map(([topicId, partitions]) => ({
      topic: topicId.replace(/_*A$/, ""),
      partitions: [...partitions],
    }));
    const draft = { topics: [...topics], ownedPartitions: owned, userData: null };
    const metadata = encodeConsumerProtocol(ConsumerProtocolSubscription, draft, 1);
    const rest = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 30_000, protocolType: options.type ?? "consumer" };
    this.take(
      this.machine.joinGroup(
        {
          token: this.tokenOf(name),
          groupId: "g",
          memberId: options.id ?? this.ids.get(name) ?? name,
          groupInstanceId: options.instance ?? null,
          clientId: "c",
          clientHost: "/h",
          ...rest,
          protocols: [{ name: "range", metadata }],
          requiresKnownMemberId: options.v !== "3",
          canSkipAssignment: true,
          uuid: name,
        },
        this.nowMs,
      ),
    );
  }

  private tokens = new Map<number, string>();

  private tokenOf(name: string): number {
    this.token++;
    this.tokens.set(this.token, name);
    return this.token;
  }

  private advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [due] = [...this.machine.pendingTimers()]
        .filter(([, at]) => at <= untilMs)
        .sort((one, other) => one[1] - other[1]);
      if (due === undefined) break;
      this.nowMs = Math.max(this.nowMs, due[1]);
      this.say(`${this.nowMs - untilMs + ms} ms: ${due[0]}`);
      this.take(this.machine.onTimer(due[0], this.nowMs));
    }
    this.nowMs = untilMs;
  }

  private take<R>(decision: Decision<R>): R {
    for (const reply of decision.replies) this.answer(reply);
    const kinds = decision.records.map(
      ({ key, value }) => `${KINDS[storedKind(key)] ?? "?"}${value === null ? "-" : ""}`,
    );
    if (kinds.length > 0) this.say(`  log: ${kinds.join(" ")}`);
    this.log.push(...decision.records);
    return decision.response;
  }

  private answer(reply: Reply): void {
    const name = this.tokens.get(reply.token) ?? "?";
    const error = errorName(reply.response.errorCode);
    if (reply.kind === "sync") {
      const { assignment } = reply.response;
      const read =
        assignment.length === 0
          ? []
          : decodeConsumerProtocol(ConsumerProtocolAssignment, assignment).assignedPartitions;
      this.say(
        `${name}: synced ${error} ${read.map(({ topic, partitions }) => `${topic}/${partitions.join(".")}`).join()}`,
      );
      return;
    }
    this.ids.set(name, reply.response.memberId);
    if (error === "NONE") this.epochs.set(name, reply.response.generationId);
    this.say(
      `${name}: joined ${error} id=${reply.response.memberId} gen=${reply.response.generationId} leader=${reply.response.leader}`,
    );
  }

  private say(line: string): void {
    this.output.push(line);
  }
}

function listOf(text: string | undefined): readonly string[] | null {
  return text === undefined ? null : text.split(",").filter((word) => word !== "");
}

function partitionsOf(text: string): ReadonlyMap<string, ReadonlySet<number>> {
  return new Map(
    text
      .split(",")
      .filter((word) => word !== "" && word !== "-")
      .map((word) => {
        const [topic, indexes] = word.split("/");
        return [idOf(topic), new Set(indexes.split(".").map(Number))];
      }),
  );
}

function textOf(held: ReadonlyMap<string, ReadonlySet<number>>): string {
  const topics = sortedPartitions(held).map(
    ({ topicId, partitions }) => `${topicId.replace(/_*A$/, "")}/${partitions.join(".")}`,
  );
  return topics.join() || "-";
}

/** `m:t/0.1` as what a leader sends; one member only. */
function assignmentsOf(text: string | undefined) {
  if (text === undefined) return [];
  const [memberId, partitions] = text.split(":");
  const assignedPartitions = [...partitionsOf(partitions)].map(([topicId, indexes]) => ({
    topic: topicId.replace(/_*A$/, ""),
    partitions: [...indexes],
  }));
  const draft = { assignedPartitions, userData: null };
  return [{ memberId, assignment: encodeConsumerProtocol(ConsumerProtocolAssignment, draft, 1) }];
}
