import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { settle } from "../../doubles/manual-time.ts";
import { join } from "../../group/commands.ts";
import { commitAt, NEIGHBOUR, offsetOf, setUp, syncWith } from "./one-group.ts";

const NEW = "neue Gruppe";

describe("timers", () => {
  it("are one for a coordinator, however many members and member ids it waits for", async () => {
    const { groups, world } = setUp();
    const member = { sessionTimeoutMs: 20_000 };
    const joins = Array.from({ length: 300 }, () => groups.joinGroup(join(member)));
    const ids = Array.from({ length: 300 }, () =>
      groups.joinGroup(join({ groupId: NEIGHBOUR, requiresKnownMemberId: true })),
    );
    await Promise.all(ids);
    expect(world.time.pending).toBe(1);
    await world.time.advance(0);
    await world.time.advance(30_000);
    const joined = await Promise.all(joins);
    expect(joined.every((reply) => reply.errorCode === ErrorCode.NONE)).toBe(true);
    await world.time.advance(1_000_000);
    expect((await groups.describeGroup("g")).value?.members.length ?? 0).toBe(0);
    expect(world.time.pending).toBe(1);
  });

  it("that the runtime refuses end the coordinator: who waits is told so, and the next request loads it again", async () => {
    const { groups, world } = setUp();
    const parked = groups.joinGroup(join());
    await settle();
    const { timers } = world;
    const set = timers.set.bind(timers);
    timers.set = () => {
      throw new Error("no more timers");
    };
    // Its session ends before anything else does, so it needs the timer.
    const asked = groups.joinGroup(join({ groupId: NEIGHBOUR, requiresKnownMemberId: true, sessionTimeoutMs: 6_000 }));
    await settle();
    await world.time.advance(0);
    timers.set = set;
    expect((await asked).errorCode).not.toBe(ErrorCode.NONE);
    expect((await parked).errorCode).not.toBe(ErrorCode.NONE);
    expect(groups.parkedCount).toBe(0);
    expect((await groups.commitOffsets(commitAt(1))).errorCode).toBe(ErrorCode.NONE);
    expect(await offsetOf(groups)).toBe(1);
  });

  it("are set only for what is on its way to the log", async () => {
    const { groups, log } = setUp();
    await groups.commitOffsets(commitAt(1, { groupId: NEIGHBOUR }));
    const parked = groups.joinGroup(join());
    await settle();
    const append = log.append.bind(log);
    log.append = () => {
      throw new Error("a log that is broken");
    };
    expect((await groups.commitOffsets(commitAt(2, { groupId: NEIGHBOUR }))).errorCode).not.toBe(ErrorCode.NONE);
    expect((await parked).errorCode).not.toBe(ErrorCode.NONE);
    log.append = append;
    const fetched = await groups.fetchOffsets(NEIGHBOUR, null);
    expect(fetched.value?.[0].partitions[0].offset).toBe(1);
  });

  it("heartbeats move a deadline without a timer of their own", async () => {
    const { groups, world } = setUp();
    const joining = groups.joinGroup(join());
    await world.time.advance(0);
    const { memberId, generationId } = await joining;
    await groups.syncGroup(syncWith(memberId, generationId, ""));
    const identity = { groupId: "g", memberId, groupInstanceId: null, generationId };
    const pending = world.time.pending;
    for (let i = 0; i < 20; i++) {
      await world.time.advance(4_000);
      expect(await groups.heartbeat(identity)).toBe(ErrorCode.NONE);
      expect(world.time.pending).toBe(pending);
    }
    await world.time.advance(9_999);
    expect((await groups.describeGroup("g")).value?.members.length).toBe(1);
    await world.time.advance(1);
    expect((await groups.describeGroup("g")).value?.members.length).toBe(0);
    expect(await groups.heartbeat(identity)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("clients that vanish leave nothing behind", async () => {
    const { groups, world } = setUp();
    const joins = [1, 2, 3].map(() => groups.joinGroup(join({ requiresKnownMemberId: false, groupId: NEW })));
    await world.time.advance(0);
    await Promise.all(joins);
    await groups.joinGroup(join({ requiresKnownMemberId: true, groupId: NEW }));
    await world.time.advance(700_000);
    expect(groups.parkedCount).toBe(0);
    expect((await groups.listGroups({ states: [], types: [] })).value).toEqual([]);
    // One clean-up timer for each of the 50 partitions, which listing has loaded.
    expect(world.time.pending).toBe(50);
  });
});
