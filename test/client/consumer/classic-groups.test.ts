import { describe, expect, it } from "vitest";
import { groupOffsets } from "#client/admin-groups.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import { failed } from "#client/outcome.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { type CoreClient, coreClient, createTopics } from "../../doubles/core-client.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { join, type Member, read, T0, writeNumbers } from "./setup.ts";

async function withTopic(partitions = 4, brokerIds = [1]): Promise<CoreClient> {
  const at = await coreClient(brokerIds);
  await createTopics(at, ["t"], partitions);
  return at;
}

function shares(members: readonly Member[]): number[] {
  return members.map((member) => member.held().length);
}

async function committed(at: CoreClient): Promise<number> {
  const offsets = valueOf(await at.run(groupOffsets(at.client, "g")));
  return [...offsets.values()].reduce((sum, { offset }) => sum + offset, 0);
}

describe("members of a classic group", () => {
  it.each(["range", "roundrobin", "sticky", "cooperative-sticky"])(
    "share by %s, take over, and read nothing twice",
    async (strategy) => {
      const at = await withTopic();
      await writeNumbers(at, 40, { partitions: 4 });
      const options = { "partition.assignment.strategy": strategy };
      const one = join(at, options);
      await at.until(() => one.held().length === 4 && one.seen.length === 40);
      const other = join(at, options);
      await at.until(() => one.held().length === 2 && other.held().length === 2);
      expect(new Set([...one.held(), ...other.held()]).size).toBe(4);
      await writeNumbers(at, 40, { partitions: 4, from: 40 });
      await at.until(() => one.seen.length + other.seen.length === 80);
      await one.stop();
      await at.until(() => other.held().length === 4);
      await writeNumbers(at, 40, { partitions: 4, from: 80 });
      await at.until(() => one.seen.length + other.seen.length === 120);
      await other.stop();
      expect(new Set([...one.seen, ...other.seen]).size).toBe(120);
      expect(await committed(at)).toBe(120);
    },
  );

  it("give up all before an eager rebalance, and only what goes in a cooperative one", async () => {
    for (const [strategy, kept] of [
      ["range", false],
      ["cooperative-sticky", true],
    ] as const) {
      const at = await withTopic();
      const options = { "partition.assignment.strategy": strategy };
      const one = join(at, options);
      await at.until(() => one.held().length === 4);
      one.log.length = 0;
      const other = join(at, options);
      await at.until(() => shares([one, other]).join() === "2,2");
      const revoked = one.log.filter((entry) => entry.startsWith("-"));
      expect(revoked.length).toBe(kept ? 2 : 4);
      await one.stop();
      await other.stop();
    }
  });

  it("come back to their partitions without a rebalance when they are static", async () => {
    const at = await withTopic();
    const make = (id: string) => join(at, { "group.instance.id": id, "partition.assignment.strategy": "range" });
    const [one, other] = [make("a"), make("b")];
    await at.until(() => shares([one, other]).join() === "2,2");
    const held = one.held();
    const joins = at.transport.count(ApiKey.JoinGroup);
    other.log.length = 0;
    await one.stop();
    const again = make("a");
    await at.until(() => again.held().length === 2);
    expect(again.held()).toEqual(held);
    expect(other.log).toEqual([]);
    expect(at.transport.count(ApiKey.JoinGroup)).toBe(joins + 1);
    await again.stop();
    await other.stop();
  });

  it("are fenced when another one comes with the same instance id", async () => {
    const at = await withTopic();
    const first = join(at, { "group.instance.id": "a" });
    await at.until(() => first.held().length === 4);
    await first.freeze();
    const second = join(at, { "group.instance.id": "a" });
    await at.until(() => second.held().length === 4);
    await at.cluster.time.advance(500);
    expect(await at.run(first.consumer.poll(1_000))).toMatchObject({ errorCode: ErrorCode.FENCED_INSTANCE_ID });
    await second.stop();
    await at.run(first.consumer.close(1_000));
  });

  it("lose their partitions when they don't poll in max.poll.interval.ms, and get some when they do again", async () => {
    const at = await withTopic();
    const lazy = join(at, { "max.poll.interval.ms": 2_000 });
    await at.until(() => lazy.held().length === 4);
    const busy = join(at, {});
    await at.until(() => shares([lazy, busy]).join() === "2,2");
    await lazy.freeze();
    await at.until(() => busy.held().length === 4);
    const commit = await at.run(lazy.consumer.commitSync([{ ...T0, offset: 0 }]));
    expect(failed(commit)).toBe(true);
    lazy.log.length = 0;
    lazy.resume();
    await at.until(() => shares([lazy, busy]).join() === "2,2");
    expect(lazy.log.filter((entry) => entry.startsWith("!")).length).toBe(2);
    await lazy.stop();
    await busy.stop();
  });

  it("go on through a restart of their coordinator, and lost answers", async () => {
    const at = await withTopic(4, [1, 2]);
    await writeNumbers(at, 40, { partitions: 4 });
    const members = [join(at, {}), join(at, {})];
    await at.until(() => shares(members).join() === "2,2");
    for (let round = 0; round < 3; round++) {
      await at.cluster.crash(1 + (round % 2));
      at.transport.cut();
      await writeNumbers(at, 20, { partitions: 4, from: 40 + 20 * round });
      await at.until(
        () => shares(members).join() === "2,2" && new Set(members.flatMap(({ seen }) => seen)).size === 60 + 20 * round,
      );
    }
    for (const member of members) await member.stop();
  });

  it("are given partitions that are added, and topics that match their pattern later", async () => {
    const at = await withTopic(1);
    const options = {
      "group.id": "p",
      "auto.offset.reset": "earliest",
      "metadata.max.age.ms": 500,
      "heartbeat.interval.ms": 100,
      "session.timeout.ms": 6_000,
    };
    const consumer = valueOf(openConsumer(at.client, options));
    valueOf(consumer.subscribe({ pattern: /t.*/ }));
    const settle = async (count: number) => {
      while (consumer.assignment().length !== count) valueOf(await at.run(consumer.poll(100)));
    };
    await settle(1);
    await createTopics(at, ["t2", "other"], 2);
    await settle(3);
    expect(consumer.subscription()).toEqual(["t", "t2"]);
    await at.run(consumer.unsubscribe());
    expect(consumer.assignment()).toEqual([]);
    await at.run(consumer.close());
  });
});

describe("offsets of a group", () => {
  it("are committed with metadata and leader epochs, and say where the next one begins", async () => {
    const at = await withTopic(1);
    await writeNumbers(at, 10);
    const one = valueOf(
      openConsumer(at.client, {
        "group.id": "g",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": false,
        "max.poll.records": 4,
      }),
    );
    valueOf(one.assign([T0]));
    await read(at, one, 4);
    valueOf(await at.run(one.commitSync()));
    valueOf(await at.run(one.commitAsync([{ ...T0, offset: 3, metadata: "here", leaderEpoch: 0 }])));
    expect(valueOf(await at.run(one.committed([T0]))).get("t/0")).toEqual({
      ...T0,
      offset: 3,
      metadata: "here",
      leaderEpoch: 0,
    });
    expect(await one.commitSync([{ ...T0, offset: -1 }])).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    await at.run(one.close());
    const other = valueOf(openConsumer(at.client, { "group.id": "g" }));
    valueOf(other.assign([T0]));
    expect(valueOf(await at.run(other.position(T0)))).toBe(3);
    await at.run(other.close());
  });

  it("are committed by themselves, every auto.commit.interval.ms and at the end", async () => {
    const at = await withTopic(1);
    await writeNumbers(at, 10);
    const consumer = valueOf(
      openConsumer(at.client, { "group.id": "g", "auto.offset.reset": "earliest", "auto.commit.interval.ms": 1_000 }),
    );
    valueOf(consumer.assign([T0]));
    await read(at, consumer, 10);
    await at.run(consumer.poll(1_500));
    await at.run(consumer.poll(100));
    expect(await committed(at)).toBe(10);
    await writeNumbers(at, 5, { from: 10 });
    await read(at, consumer, 5);
    await at.run(consumer.close());
    expect(await committed(at)).toBe(15);
  });

  it("need a group", async () => {
    const at = await withTopic(1);
    const consumer = valueOf(openConsumer(at.client));
    expect(consumer.subscribe({ topics: ["t"] })).toMatchObject({ errorCode: ErrorCode.INVALID_GROUP_ID });
    expect(await consumer.commitSync()).toMatchObject({ errorCode: ErrorCode.INVALID_GROUP_ID });
    const member = valueOf(openConsumer(at.client, { "group.id": "g" }));
    expect(member.subscribe({ regex: "t" })).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    valueOf(member.subscribe({ topics: ["t"] }));
    expect(member.assign([T0])).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    await at.run(Promise.all([consumer.close(), member.close()]));
  });
});
