/**
 * Ten members each in a thousand groups, sending heartbeats as often as the broker asks for: what a broker full of idle consumers costs. The
 * members speak the consumer protocol (KIP-848) and share a few connections, since a bench process has no ten thousand sockets.
 */

import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "#protocol/messages/68-consumer-group-heartbeat.ts";
import { WireClient } from "#test/oracle/wire-client.ts";
import { type Sample, spread } from "./measure.ts";
import type { Target } from "./targets.ts";

const GROUPS = 1_000;
const MEMBERS_A_GROUP = 10;
const CONNECTIONS = 100;
const TOPIC = "bench-groups";
const PARTITIONS = 10;
/** What the broker asks for by default. */
const HEARTBEAT_INTERVAL_MS = 5_000;
const ROUNDS = 6;
const VERSION = 1;
const RETRIABLE: ReadonlySet<number> = new Set([14, 15, 16]);
/** UNKNOWN_MEMBER_ID and FENCED_MEMBER_EPOCH: on a busy machine the others took so long that its session was over. */
const THROWN_OUT: ReadonlySet<number> = new Set([25, 110]);

class Member {
  readonly groupId: string;
  readonly memberId: string;
  epoch = 0;
  private held: { readonly topicId: string; readonly partitions: readonly number[] }[] = [];
  private hasNews = true;

  constructor(groupId: string, memberId: string) {
    this.groupId = groupId;
    this.memberId = memberId;
  }

  async beat(client: WireClient): Promise<void> {
    const { groupId, memberId, epoch } = this;
    const joining = { rebalanceTimeoutMs: 300_000, subscribedTopicNames: [TOPIC] };
    const draft = {
      groupId,
      memberId,
      memberEpoch: epoch,
      ...(epoch === 0 ? joining : {}),
      topicPartitions: this.hasNews ? this.held : null,
    };
    const answer = await client.call(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, VERSION, draft);
    if (answer === "closed") throw new Error("the broker closed a connection");
    if (RETRIABLE.has(answer.errorCode)) return;
    if (THROWN_OUT.has(answer.errorCode)) {
      this.epoch = 0;
      this.held = [];
      this.hasNews = true;
      return;
    }
    if (answer.errorCode !== 0) throw new Error(`heartbeat: error ${answer.errorCode} ${answer.errorMessage ?? ""}`);
    this.epoch = answer.memberEpoch;
    this.hasNews = answer.assignment !== null;
    if (answer.assignment !== null) this.held = answer.assignment.topicPartitions;
  }

  get partitions(): number {
    return this.held.reduce((sum, { partitions }) => sum + partitions.length, 0);
  }
}

/** One connection with the members that share it. */
interface Lane {
  readonly client: WireClient;
  readonly members: readonly Member[];
}

async function openLanes(kafka: string): Promise<Lane[]> {
  const lanes: Lane[] = [];
  for (let lane = 0; lane < CONNECTIONS; lane++) {
    const members: Member[] = [];
    for (let group = lane; group < GROUPS; group += CONNECTIONS) {
      for (let one = 0; one < MEMBERS_A_GROUP; one++)
        members.push(new Member(`bench-${group}`, `bench-${group}-member-${one}`));
    }
    lanes.push({ client: await WireClient.connect(kafka), members });
  }
  return lanes;
}

async function createTopic(client: WireClient): Promise<void> {
  const topics = [{ name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1 }];
  await client.call(CreateTopicsRequest, CreateTopicsResponse, 5, { topics, timeoutMs: 10_000 });
  await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: TOPIC, keyType: 0 });
}

/** Answers how long each lane waited for an answer, on average, in milliseconds. */
function round(lanes: readonly Lane[]): Promise<number[]> {
  return Promise.all(
    lanes.map(async ({ client, members }) => {
      const beganAt = performance.now();
      for (const member of members) await member.beat(client);
      return (performance.now() - beganAt) / members.length;
    }),
  );
}

/** What this process, which has all the members, has computed. */
function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Everybody beats once in each interval until all have their share. Answers how long that took. */
async function settle(lanes: readonly Lane[]): Promise<number> {
  const startedAt = performance.now();
  const share = PARTITIONS / MEMBERS_A_GROUP;
  for (;;) {
    const beganAt = performance.now();
    await round(lanes);
    const isSettled = lanes.every(({ members }) => members.every((member) => member.partitions === share));
    if (isSettled) return performance.now() - startedAt;
    const leftMs = HEARTBEAT_INTERVAL_MS - (performance.now() - beganAt);
    await new Promise((resolve) => setTimeout(resolve, Math.max(leftMs, 0)));
  }
}

export async function runGroupCase(target: Target): Promise<Sample[]> {
  const lanes = await openLanes(target.kafka);
  await createTopic(lanes[0].client);
  const before = { bytes: target.residentBytes?.() ?? Number.NaN, cpu: target.cpuSeconds?.() ?? Number.NaN };
  const settledMs = await settle(lanes);
  const settled = target.cpuSeconds?.() ?? Number.NaN;
  const ownSettled = ownCpuSeconds();
  const startedAt = performance.now();
  const answersMs: number[] = [];
  for (let at = 0; at < ROUNDS; at++) {
    answersMs.push(...(await round(lanes)));
    const leftMs = startedAt + (at + 1) * HEARTBEAT_INTERVAL_MS - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(leftMs, 0)));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const after = { bytes: target.residentBytes?.() ?? Number.NaN, cpu: target.cpuSeconds?.() ?? Number.NaN };
  const own = ownCpuSeconds() - ownSettled;
  for (const { client } of lanes) client.close();
  const members = GROUPS * MEMBERS_A_GROUP;
  return [
    { name: `${members} members in ${GROUPS} groups: until all have their share`, unit: "s", value: settledMs / 1000 },
    { name: "CPU until then", unit: "s", value: settled - before.cpu },
    { name: "heartbeats a second", unit: "1/s", value: (members * ROUNDS) / seconds },
    { name: "an answer takes, all lanes at once", unit: "ms", value: spread(answersMs).median },
    { name: "CPU while they beat", unit: "% of a core", value: (100 * (after.cpu - settled)) / seconds },
    { name: "CPU a heartbeat", unit: "µs", value: (1e6 * (after.cpu - settled)) / (members * ROUNDS) },
    { name: "CPU of the members' own process a heartbeat", unit: "µs", value: (1e6 * own) / (members * ROUNDS) },
    { name: "memory of the process tree before", unit: "MB", value: before.bytes / 1e6 },
    { name: "memory of the process tree with them", unit: "MB", value: after.bytes / 1e6 },
  ];
}
