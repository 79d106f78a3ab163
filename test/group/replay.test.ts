import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ZERO_UUID } from "#bytes/uuid.ts";
import type { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import type { Decision, Reply } from "#group/turn.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { newCoordinator } from "./new-coordinator.ts";

// Any sequence of commands by a few clients on a few groups, with time passing: what a coordinator that replays the log knows is what the
// live one knows, wherever the live one is not in the middle of a rebalance; and every request is answered exactly once or waits.

type Step =
  | {
      readonly kind: "join";
      readonly client: number;
      readonly isStatic: boolean;
      readonly protocols: string;
      readonly isFresh: boolean;
    }
  | { readonly kind: "sync" | "heartbeat" | "leave"; readonly client: number }
  | { readonly kind: "commit"; readonly client: number; readonly partitionIndex: number; readonly isMember: boolean }
  | { readonly kind: "delete" | "rebalance"; readonly group: number }
  | { readonly kind: "advance"; readonly ms: number };

const CLIENTS = 4;
const GROUPS = ["g", "h"];
const rarely = fc.constantFrom(true, false, false, false, false, false, false, false);
const client = fc.nat({ max: CLIENTS - 1 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("join" as const),
      client,
      isStatic: fc.boolean(),
      protocols: fc.constantFrom("ab", "ba", "a", "b"),
      isFresh: rarely,
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("sync" as const, "heartbeat" as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), client }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      client,
      partitionIndex: fc.nat({ max: 2 }),
      isMember: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("rebalance" as const), group: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), group: fc.nat({ max: 1 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      ms: fc.constantFrom(0, 1_000, 6_000, 12_000, 400_000),
    }),
  },
);

const TOPICS = { topicName: () => undefined, topicId: () => ZERO_UUID };
const CONFIG = { ...DEFAULT_GROUP_CONFIG, offsetsRetentionMs: 1_000_000, offsetsRetentionCheckIntervalMs: 300_000 };

class World {
  readonly machine = newCoordinator(CONFIG);
  readonly log: CoordinatorRecord[] = [];
  readonly open = new Map<number, number>();
  readonly memberIds: string[] = Array(CLIENTS).fill("");
  readonly generations: number[] = Array(CLIENTS).fill(-1);
  readonly asStatic: boolean[] = Array(CLIENTS).fill(false);
  nowMs = 0;
  private token = 0;

  constructor() {
    this.take(this.machine.onLoaded(0));
  }

  play(one: Step): void {
    switch (one.kind) {
      case "join":
        this.join(one);
        return;
      case "sync": {
        const identity = this.identity(one.client);
        const assignments = this.memberIds.map((memberId) => ({
          memberId,
          assignment: new TextEncoder().encode(`for ${memberId}`),
        }));
        const rest = { protocolType: null, protocolName: null, assignments };
        this.take(this.machine.syncGroup({ ...identity, ...rest, token: this.newToken(one.client) }, this.nowMs));
        return;
      }
      case "heartbeat":
        this.take(this.machine.heartbeat(this.identity(one.client), this.nowMs));
        return;
      case "leave": {
        const { groupId, memberId, groupInstanceId } = this.identity(one.client);
        this.take(this.machine.leaveGroup({ groupId, members: [{ memberId, groupInstanceId }] }, this.nowMs));
        return;
      }
      case "commit": {
        const identity = this.identity(one.client);
        const who = one.isMember ? identity : { ...identity, memberId: "", groupInstanceId: null, generationId: -1 };
        const partitions = [{ partitionIndex: one.partitionIndex, offset: this.nowMs, leaderEpoch: 0, metadata: null }];
        const what = {
          topics: [{ topic: "t", topicId: ZERO_UUID, partitions }],
          retentionTimeMs: -1,
          knowsGroupIdNotFound: true,
        };
        this.take(this.machine.commitOffsets({ ...who, ...what }, this.nowMs));
        return;
      }
      case "delete":
        this.take(this.machine.deleteGroups([GROUPS[one.group]], this.nowMs));
        return;
      case "rebalance":
        this.rebalance(one.group);
        return;
      case "advance":
        this.advance(one.ms);
        return;
    }
  }

  private join(one: Extract<Step, { kind: "join" }>): void {
    const isParked = [...this.open.values()].includes(one.client);
    if (isParked && !one.isFresh) return;
    if (one.isFresh) this.memberIds[one.client] = "";
    if (this.memberIds[one.client] === "") this.asStatic[one.client] = one.isStatic;
    const { groupId, memberId, groupInstanceId } = this.identity(one.client);
    const protocols = [...one.protocols].map((name) => ({
      name,
      metadata: new TextEncoder().encode(name + one.client),
    }));
    const token = this.newToken(one.client);
    const rest = { clientId: `c${one.client}`, clientHost: "/h", sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 5_000 };
    const flags = { requiresKnownMemberId: one.client % 2 === 0, canSkipAssignment: one.client % 2 === 0 };
    const command = {
      token,
      groupId,
      memberId,
      groupInstanceId,
      protocolType: "x",
      protocols,
      uuid: `${token}`,
      ...rest,
      ...flags,
    };
    this.take(this.machine.joinGroup(command, this.nowMs));
  }

  /** All clients of the group do what is expected of them. */
  private rebalance(group: number): void {
    for (let round = 0; round < 2; round++) {
      for (let one = group; one < CLIENTS; one += GROUPS.length) {
        this.play({ kind: "join", client: one, isStatic: one % 4 > 1, protocols: "ab", isFresh: false });
      }
    }
    this.advance(0);
    for (let one = group; one < CLIENTS; one += GROUPS.length) this.play({ kind: "sync", client: one });
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = [...this.machine.pendingTimers()].filter(([, at]) => at <= untilMs).sort((a, b) => a[1] - b[1])[0];
      if (due === undefined) break;
      this.nowMs = Math.max(this.nowMs, due[1]);
      this.take(this.machine.onTimer(due[0], this.nowMs));
    }
    this.nowMs = untilMs;
  }

  private identity(which: number) {
    return {
      groupId: GROUPS[which % GROUPS.length],
      memberId: this.memberIds[which],
      groupInstanceId: this.asStatic[which] ? `i${which % 2}` : null,
      generationId: this.generations[which],
    };
  }

  private newToken(which: number): number {
    this.token++;
    this.open.set(this.token, which);
    return this.token;
  }

  private take(decision: Decision<unknown>): void {
    this.log.push(...decision.records);
    for (const reply of decision.replies) this.answer(reply);
  }

  private answer({ token, kind, response }: Reply): void {
    const which = this.open.get(token);
    if (which === undefined) throw new Error(`request ${token} was answered twice`);
    this.open.delete(token);
    if (kind === "sync") return;
    const { errorCode, memberId, generationId } = response;
    if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.memberIds[which] = memberId;
    else if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID || errorCode === ErrorCode.FENCED_INSTANCE_ID)
      this.memberIds[which] = "";
    if (errorCode === ErrorCode.NONE) this.generations[which] = generationId;
  }
}

function replayed(log: readonly CoordinatorRecord[]): GroupCoordinator {
  const machine = newCoordinator(CONFIG);
  for (const record of log) machine.replay(record);
  return machine;
}

/** What a log cleaner would leave: the last record of every key. */
function compacted(log: readonly CoordinatorRecord[]): CoordinatorRecord[] {
  const last = new Map<string, CoordinatorRecord>();
  for (const record of log) {
    const key = record.key.join();
    last.delete(key);
    last.set(key, record);
  }
  return [...last.values()];
}

/** What lives, by key. */
function asTable(log: readonly CoordinatorRecord[]): ReadonlyMap<string, string | undefined> {
  const live = log.filter((record) => record.value !== null);
  return new Map(live.map((record) => [record.key.join(), record.value?.join()]));
}

describe("a coordinator and its replay", () => {
  it("know the same", () => {
    let stable = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const world = new World();
        for (const one of steps) {
          world.play(one);
          // What a rewrite writes is what a log cleaner would leave, even of groups that are in the middle of a rebalance.
          expect(asTable([...world.machine.liveRecords()])).toEqual(asTable(compacted(world.log)));
          for (const log of [world.log, compacted(world.log), [...world.machine.liveRecords()]]) {
            const other = replayed(log);
            for (const groupId of GROUPS) {
              expect(other.fetchAllOffsets(groupId, TOPICS)).toEqual(world.machine.fetchAllOffsets(groupId, TOPICS));
              const live = world.machine.describeGroup(groupId);
              const restored = other.describeGroup(groupId);
              expect(restored === undefined).toBe(live === undefined);
              if (live?.groupState !== "Stable" && live?.groupState !== "Empty") continue;
              expect(restored).toEqual(live);
              if (live.groupState === "Stable") stable++;
            }
          }
        }
        // Everybody goes silent: within the longest timeouts all requests are answered and all members are gone.
        world.advance(600_000);
        expect([...world.open.keys()]).toEqual([]);
        expect(
          world.machine.listGroups({ states: ["stable", "preparingrebalance", "completingrebalance"], types: [] }),
        ).toEqual([]);
        world.advance(2_000_000);
        expect(world.machine.listGroups({ states: [], types: [] })).toEqual([]);
        expect([...world.machine.pendingTimers().keys()]).toEqual(["expire-offsets"]);
        expect(compacted(world.log).every((record) => record.value === null)).toBe(true);
      }),
      { numRuns: 300 },
    );
    // The property says nothing unless groups get that far.
    expect(stable).toBeGreaterThan(500);
  });
});
