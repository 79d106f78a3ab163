import { ZERO_UUID } from "#bytes/uuid.ts";
import type { JoinGroupCommand } from "#group/classic/park.ts";
import type { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG, type GroupConfig } from "#group/limits.ts";
import type { TopicDirectory } from "#group/offsets.ts";
import type { Decision, Reply } from "#group/turn.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { errorName } from "#protocol/errors.ts";
import { newCoordinator } from "./new-coordinator.ts";
import { readRecord } from "./read-record.ts";

type Options = Record<string, string | undefined>;

const START_MS = 1_000_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Plays a coordinator by a script, one command a line, and tells what came of each. Clients have names; a member id is the client's name
 * (or its instance id) and a number, and a client remembers its own id and generation. `word=value` gives options.
 */
export class Scenario {
  readonly log: CoordinatorRecord[] = [];
  private readonly config: GroupConfig;
  private machine: GroupCoordinator;
  private nowMs = START_MS;
  private nextNumber = 1;
  private readonly waiting = new Map<number, string>();
  private readonly ids = new Map<string, string>();
  private readonly generations = new Map<string, number>();
  private output: string[] = [];

  constructor(config: Partial<GroupConfig> = {}) {
    this.config = { ...DEFAULT_GROUP_CONFIG, ...config };
    this.machine = newCoordinator(this.config);
    this.take(this.machine.onLoaded(this.nowMs));
  }

  run(command: string): string {
    this.output = [];
    const [verb, ...words] = command.split(" ").filter((word) => word !== "");
    const options: Options = Object.fromEntries(
      words
        .filter((word) => /^[a-z]+=/.test(word))
        .map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
    );
    const names = words.filter((word) => !/^[a-z]+=/.test(word));
    const play = this.verbs[verb];
    if (play === undefined) throw new Error(`no verb ${verb}`);
    play(names, options);
    return this.output.join("\n");
  }

  private readonly verbs: Record<string, (names: string[], options: Options) => void> = {
    join: ([name], options) => this.join(name, options),
    sync: ([name], options) => this.sync(name, options),
    heartbeat: ([name], options) => {
      const command = this.identity(name, options);
      this.say(`${name}: ${errorName(this.take(this.machine.heartbeat(command, this.nowMs)))}`);
    },
    leave: (names, options) => this.leave(names, options),
    commit: ([name, ...offsets], options) => this.commit(name, offsets, options),
    fetch: (positions, options) => this.fetch(positions, options),
    describe: (_, { group = "g" }) => {
      const described = this.machine.describeGroup(group);
      if (described === undefined) {
        this.say("no such group");
        return;
      }
      const { groupState, protocolType, protocolData, members } = described;
      this.say(`${groupState} type=${protocolType} protocol=${protocolData}`);
      for (const member of members) {
        const texts = [member.memberMetadata, member.memberAssignment].map((bytes) => `'${decoder.decode(bytes)}'`);
        const instance = member.groupInstanceId === null ? "" : ` instance=${member.groupInstanceId}`;
        this.say(`  ${member.memberId}${instance} client=${member.clientId}${member.clientHost} ${texts.join(" ")}`);
      }
    },
    list: (_, { states, types }) => {
      const filters = { states: states?.split(",") ?? [], types: types?.split(",") ?? [] };
      for (const { groupId, protocolType, groupState, groupType } of this.machine.listGroups(filters)) {
        this.say(`${groupId} ${groupState} ${groupType} '${protocolType}'`);
      }
    },
    delete: (groups) => {
      const outcomes = this.take(this.machine.deleteGroups(groups, this.nowMs));
      for (const [index, group] of groups.entries()) this.say(`${group}: ${errorName(outcomes[index])}`);
    },
    forget: ([topic]) => this.take(this.machine.forgetDeletedTopics(allTopicsBut(topic), this.nowMs)),
    advance: ([ms]) => this.advance(Number(ms)),
    timers: () => {
      for (const [key, deadlineMs] of [...this.machine.pendingTimers()].sort())
        this.say(`${key} in ${deadlineMs - this.nowMs}`);
    },
    reload: () => {
      this.machine = newCoordinator(this.config);
      for (const record of this.log) this.machine.replay(record);
      this.take(this.machine.onLoaded(this.nowMs));
    },
  };

  private join(name: string, options: Options): void {
    const version = Number(options.v ?? 9);
    const sessionTimeoutMs = Number(options.session ?? 10_000);
    const token = this.token(name);
    const command: JoinGroupCommand = {
      token,
      groupId: options.group ?? "g",
      memberId: options.id ?? this.ids.get(name) ?? "",
      groupInstanceId: options.instance ?? null,
      clientId: name,
      clientHost: "/h",
      sessionTimeoutMs,
      rebalanceTimeoutMs: Number(options.rebalance ?? 30_000),
      protocolType: options.type ?? "consumer",
      protocols: pairs(options.protocols ?? "range:").map(([protocol, text]) => ({
        name: protocol,
        metadata: encoder.encode(text),
      })),
      requiresKnownMemberId: version >= 4,
      canSkipAssignment: version >= 9,
      uuid: String(token),
    };
    this.take(this.machine.joinGroup(command, this.nowMs));
  }

  private sync(name: string, options: Options): void {
    const assignments = pairs(options.assign ?? "").map(([member, text]) => ({
      memberId: this.ids.get(member) ?? member,
      assignment: encoder.encode(text),
    }));
    const { type = null, protocol = null } = options;
    const command = { ...this.identity(name, options), assignments, protocolType: type, protocolName: protocol };
    this.take(this.machine.syncGroup({ ...command, token: this.token(name) }, this.nowMs));
  }

  private leave(names: string[], options: Options): void {
    const members = names.map((name) => ({
      memberId: options.id ?? this.ids.get(name) ?? "",
      groupInstanceId: options.instance ?? null,
    }));
    if (names.length === 0) members.push({ memberId: "", groupInstanceId: options.instance ?? null });
    const reply = this.take(this.machine.leaveGroup({ groupId: options.group ?? "g", members }, this.nowMs));
    this.say(
      `left: ${errorName(reply.errorCode)} ${reply.members.map((member) => errorName(member.errorCode)).join(" ")}`.trim(),
    );
  }

  private commit(name: string, offsets: string[], options: Options): void {
    const topics = offsets.map((text) => {
      const [position, value] = text.split("@");
      const [topic, partitionIndex] = position.split("/");
      const [offset, metadata = null] = value.split(":");
      const partition = { partitionIndex: Number(partitionIndex), offset: Number(offset), leaderEpoch: -1, metadata };
      return { topic, topicId: options.topicid ?? ZERO_UUID, partitions: [partition] };
    });
    const command = {
      ...this.identity(name, options),
      retentionTimeMs: Number(options.retention ?? -1),
      knowsGroupIdNotFound: Number(options.v ?? 10) >= 9,
      topics,
    };
    const reply = this.take(this.machine.commitOffsets(command, this.nowMs));
    const outcomes = reply.outcomes?.flat().map((outcome) => errorName(outcome.errorCode));
    this.say(`committed: ${outcomes?.join(" ") ?? errorName(reply.errorCode)}`);
  }

  private fetch(positions: string[], options: Options): void {
    const asked = positions.map((text) => {
      const [topic, partitionIndex] = text.split("/");
      return { topic, topicId: options.topicid ?? ZERO_UUID, partitionIndexes: [Number(partitionIndex)] };
    });
    const { group = "g" } = options;
    const fetched =
      asked.length === 0
        ? this.machine.fetchAllOffsets(group, allTopicsBut())
        : this.machine.fetchOffsets(group, asked);
    for (const { topic, partitions } of fetched) {
      for (const { partitionIndex, offset, metadata } of partitions)
        this.say(`${topic}/${partitionIndex}@${offset} '${metadata}'`);
    }
  }

  /** Moves the clock to every deadline on the way. */
  private advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = [...this.machine.pendingTimers()]
        .filter(([, at]) => at <= untilMs)
        .sort((one, other) => one[1] - other[1])[0];
      if (due === undefined) break;
      this.nowMs = Math.max(this.nowMs, due[1]);
      if (due[0] !== "expire-offsets") this.say(`${this.nowMs - untilMs + ms} ms: ${due[0]}`);
      this.take(this.machine.onTimer(due[0], this.nowMs));
    }
    this.nowMs = untilMs;
  }

  private identity(name: string, options: Options) {
    return {
      groupId: options.group ?? "g",
      memberId: options.id ?? this.ids.get(name) ?? "",
      groupInstanceId: options.instance ?? null,
      generationId: Number(options.gen ?? this.generations.get(name) ?? -1),
    };
  }

  private token(name: string): number {
    const token = this.nextNumber++;
    this.waiting.set(token, name);
    return token;
  }

  private take<R>(decision: Decision<R>): R {
    for (const reply of decision.replies) this.answer(reply);
    for (const record of decision.records) this.say(`  log: ${describeRecord(record)}`);
    this.log.push(...decision.records);
    return decision.response;
  }

  private answer(reply: Reply): void {
    const name = this.waiting.get(reply.token);
    if (name === undefined) throw new Error(`a second answer to request ${reply.token}`);
    this.waiting.delete(reply.token);
    const error = errorName(reply.response.errorCode);
    if (reply.kind === "sync") {
      const { assignment, protocolType, protocolName } = reply.response;
      const what =
        reply.response.errorCode === 0 ? ` '${decoder.decode(assignment)}' ${protocolType}/${protocolName}` : "";
      this.say(`${name}: synced ${error}${what}`);
      return;
    }
    const { memberId, generationId, leader, protocolType, protocolName, members, skipAssignment } = reply.response;
    if (error === "NONE" || error === "MEMBER_ID_REQUIRED") this.ids.set(name, memberId);
    if (error !== "NONE") {
      this.say(`${name}: joined ${error} id='${memberId}' gen=${generationId}`);
      return;
    }
    this.generations.set(name, generationId);
    const all = members.map(
      (member) => `${member.memberId}${member.groupInstanceId === null ? "" : "!"}:${decoder.decode(member.metadata)}`,
    );
    const list = members.length === 0 ? "" : ` members=${all.join(",")}`;
    const skip = skipAssignment ? " skip" : "";
    this.say(
      `${name}: joined id=${memberId} gen=${generationId} ${protocolType}/${protocolName} leader=${leader}${list}${skip}`,
    );
  }

  private say(line: string): void {
    this.output.push(line);
  }
}

/** A cluster that has every topic, without an id, but one. */
function allTopicsBut(gone?: string): TopicDirectory {
  return { topicName: () => undefined, topicId: (name) => (name === gone ? undefined : ZERO_UUID) };
}

/** `a:x,b:y` as pairs. */
function pairs(text: string): [string, string][] {
  return text
    .split(",")
    .filter((word) => word !== "")
    .map((word) => [word.split(":")[0], word.split(":")[1] ?? ""]);
}

function describeRecord(record: CoordinatorRecord): string {
  const change = readRecord(record);
  if (change.kind === "unknown") return "?";
  if (change.kind === "offset") {
    const { groupId, topic, partitionIndex } = change.position;
    const where = `offset ${groupId} ${topic}/${partitionIndex}`;
    if (change.committed === null) return `${where} gone`;
    const { offset, expireTimestampMs } = change.committed;
    return `${where}@${offset}${expireTimestampMs === null ? "" : " with expiry"}`;
  }
  const { groupId, value } = change;
  if (value === null) return `group ${groupId} gone`;
  const members = value.members.map(
    (member) => `${member.memberId}${member.groupInstanceId === null ? "" : "!"}=${decoder.decode(member.assignment)}`,
  );
  return `group ${groupId} gen=${value.generation} '${value.protocolType}'/${value.protocol} leader=${value.leader} [${members.join(",")}]`;
}
