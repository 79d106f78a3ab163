import { describe, expect, it } from "vitest";
import { groupOffsets } from "#client/admin-groups.ts";
import { leaveGroupApi } from "#client/apis.ts";
import type { Consumer } from "#client/consumer/consumer.ts";
import type { TopicPartition } from "#client/topic-partition.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { type CoreClient, createTopics } from "../../doubles/core-client.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { join, pass, pollUntil, quiet, read, SESSION_MS, T0, withTopic, writeNumbers } from "./setup.ts";

async function committed(at: CoreClient): Promise<number> {
  const offsets = valueOf(await at.run(groupOffsets(at.client, "g")));
  return [...offsets.values()].reduce((sum, { offset }) => sum + offset, 0);
}

describe("a member of a classic group stays one", () => {
  it("when its join is answered while nobody polls", async () => {
    const at = await withTopic();
    const consumer = quiet(at);
    while (at.transport.count(ApiKey.JoinGroup) < 2) valueOf(await at.run(consumer.poll(0)));
    const early = await at.run(consumer.commitSync([{ ...T0, offset: 0 }]));
    expect(early).toMatchObject({ errorCode: ErrorCode.REBALANCE_IN_PROGRESS });
    await at.until(() => at.transport.count(ApiKey.SyncGroup) === 1);
    await pass(at, 3 * SESSION_MS);
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    await pass(at, SESSION_MS);
    expect(at.transport.count(ApiKey.JoinGroup)).toBe(2);
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 0 }])));
    await at.run(consumer.close());
  });

  it("when its listener takes longer than the session", async () => {
    const at = await withTopic();
    const onPartitionsAssigned = () => new Promise<void>((resolve) => at.cluster.time.set(resolve, 3 * SESSION_MS));
    const consumer = quiet(at, {}, { onPartitionsAssigned });
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 0 }])));
    valueOf(await at.run(consumer.poll(1_500)));
    expect(at.transport.count(ApiKey.JoinGroup)).toBe(2);
    await at.run(consumer.close());
  });

  it("when its listener throws, and reads on", async () => {
    const at = await withTopic();
    await writeNumbers(at, 8, { partitions: 4 });
    const boom = new Error("boom");
    const log: string[] = [];
    const fail = (sign: string) => () => {
      log.push(sign);
      if (log.filter((one) => one === sign).length === 1) throw boom;
    };
    const listener = { onPartitionsAssigned: fail("+"), onPartitionsRevoked: fail("-") };
    const consumer = quiet(at, { "partition.assignment.strategy": "range" }, listener);
    await expect(at.run(consumer.poll(30_000))).rejects.toBe(boom);
    await pass(at, 3 * SESSION_MS);
    expect(await read(at, consumer, 8)).toHaveLength(8);
    expect(at.transport.count(ApiKey.JoinGroup)).toBe(2);
    const other = join(at, { "partition.assignment.strategy": "range" });
    await expect(at.run(consumer.poll(30_000))).rejects.toBe(boom);
    expect(consumer.assignment()).toEqual([]);
    await pollUntil(at, consumer, () => consumer.assignment().length === 2 && other.held().length === 2);
    await writeNumbers(at, 8, { partitions: 4, from: 8 });
    expect(await read(at, consumer, 4)).toHaveLength(4);
    await other.stop();
    await at.run(consumer.close());
  });

  it("but not when nobody polls for max.poll.interval.ms, also while it joins", async () => {
    const at = await withTopic();
    const first = quiet(at, { "max.poll.interval.ms": 10_000 });
    await pollUntil(at, first, () => first.assignment().length === 4);
    const log: string[] = [];
    const listener = { onPartitionsAssigned: () => log.push("+"), onPartitionsLost: () => log.push("!") };
    const second = quiet(at, { "max.poll.interval.ms": 8_000 }, listener);
    valueOf(await at.run(second.poll(500)));
    const leaves = () => at.transport.count(ApiKey.LeaveGroup);
    // The first one leaves, so the join of the second one is answered, who has stopped polling as well.
    await at.until(() => leaves() === 2);
    const beats = at.transport.count(ApiKey.Heartbeat);
    await pass(at, 2 * SESSION_MS);
    expect(at.transport.count(ApiKey.Heartbeat)).toBe(beats);
    await pollUntil(at, second, () => second.assignment().length === 4);
    // What the join had brought was never taken.
    expect(log).toEqual(["+"]);
    await at.run(Promise.all([first.close(), second.close()]));
  });

  it("takes no assignment of a generation that it was expelled from", async () => {
    const at = await withTopic();
    const log: string[] = [];
    const listener = { onPartitionsAssigned: () => log.push("+"), onPartitionsLost: () => log.push("!") };
    const consumer = quiet(at, { "max.poll.interval.ms": 8_000 }, listener);
    while (at.transport.count(ApiKey.JoinGroup) < 2) valueOf(await at.run(consumer.poll(0)));
    await at.until(() => at.transport.count(ApiKey.LeaveGroup) === 1);
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    expect(log).toEqual(["+"]);
    await at.run(consumer.close());
  });
});

describe("a member that its group has expelled", () => {
  it("loses all, also when an assignment had come that it hadn't taken", async () => {
    const at = await withTopic();
    const log: string[] = [];
    const listener = { onPartitionsRevoked: () => log.push("-"), onPartitionsLost: () => log.push("!") };
    const options = { "partition.assignment.strategy": "cooperative-sticky", "max.poll.interval.ms": 20_000 };
    const consumer = quiet(at, options, listener);
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    const joins = at.transport.count(ApiKey.JoinGroup);
    const other = join(at, { "partition.assignment.strategy": "cooperative-sticky" });
    await at.until(() => at.transport.count(ApiKey.JoinGroup) === joins + 2);
    await pass(at, 2_000);
    // It begins to join, and what comes of that comes outside of any poll.
    valueOf(await at.run(consumer.poll(0)));
    await at.until(() => at.transport.count(ApiKey.JoinGroup) === joins + 3);
    await at.until(() => other.held().length === 4);
    await pollUntil(at, consumer, () => log.length > 0);
    expect(log).toEqual(["!"]);
    await other.stop();
    await at.run(consumer.close());
  });

  it.each(["classic", "consumer"] as const)("commits nothing, and loses what it held (%s)", async (protocol) => {
    const at = await withTopic(1);
    await writeNumbers(at, 10);
    const log: string[] = [];
    const listener = { onPartitionsRevoked: () => log.push("-"), onPartitionsLost: () => log.push("!") };
    const options = {
      "group.protocol": protocol,
      "enable.auto.commit": false,
      "max.poll.interval.ms": 8_000,
    };
    const consumer = quiet(at, options, listener);
    expect(await consumer.commitSync([{ ...T0, offset: 1 }])).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
    await read(at, consumer, 10);
    valueOf(await at.run(consumer.commitSync()));
    await pass(at, 20_000);
    const commits = at.transport.count(ApiKey.OffsetCommit);
    const late = await at.run(consumer.commitSync([{ ...T0, offset: 3 }]));
    expect(late).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
    expect(at.transport.count(ApiKey.OffsetCommit)).toBe(commits);
    await at.run(consumer.close());
    expect(log).toEqual(["!"]);
    expect(await committed(at)).toBe(10);
  });

  it("may commit again when it only chooses its partitions", async () => {
    const at = await withTopic(1);
    await writeNumbers(at, 10);
    const consumer = quiet(at);
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    await at.run(consumer.unsubscribe());
    valueOf(consumer.assign([T0]));
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 7 }])));
    expect(await committed(at)).toBe(7);
    await at.run(consumer.close());
  });
});

describe("a wake-up", () => {
  it("ends a poll that waits for the group", async () => {
    const at = await withTopic(1);
    const consumer = quiet(at);
    at.transport.before = ({ apiKey }) => {
      if (apiKey === ApiKey.FindCoordinator) throw new Error("lost");
    };
    const polled = consumer.poll(Number.POSITIVE_INFINITY);
    await pass(at, 1_000);
    consumer.wakeup();
    expect(valueOf(await at.run(polled))).toEqual([]);
    await at.run(consumer.close(0));
  });
});

describe("a member that is expelled while its listener runs", () => {
  it.each([null, "a"])("loses what it wanted to keep through the rebalance (instance %s)", async (instanceId) => {
    const at = await withTopic(1);
    await createTopics(at, ["u"], 1);
    const log: string[] = [];
    const note = (sign: string) => (partitions: readonly TopicPartition[]) => {
      for (const { topic } of partitions) log.push(`${sign}${topic}`);
    };
    const expel = async (partitions: readonly TopicPartition[]) => {
      note("-")(partitions);
      if (log.filter((one) => one.startsWith("-")).length > 1) return;
      const { groupId, memberId } = consumer.groupMetadata();
      valueOf(
        await at.client.call(1, leaveGroupApi, { groupId, members: [{ memberId, groupInstanceId: instanceId }] }),
      );
      await new Promise<void>((resolve) => at.cluster.time.set(resolve, 3_000));
    };
    const listener = { onPartitionsAssigned: note("+"), onPartitionsRevoked: expel, onPartitionsLost: note("!") };
    const options = { "partition.assignment.strategy": "cooperative-sticky", "group.instance.id": instanceId };
    const consumer = quiet(at, options, listener);
    valueOf(consumer.subscribe({ topics: ["t", "u"] }, listener));
    await pollUntil(at, consumer, () => consumer.assignment().length === 2);
    log.length = 0;
    valueOf(consumer.subscribe({ topics: ["t"] }, listener));
    await pollUntil(at, consumer, () => log.includes("+t"));
    valueOf(await at.run(consumer.poll(1_000)));
    expect(log).toEqual(["-u", "!t", "+t"]);
    await at.run(consumer.close());
  });

  it("loses nothing twice when the listener throws", async () => {
    const at = await withTopic(1);
    const boom = new Error("boom");
    const onPartitionsLost = () => {
      throw boom;
    };
    const consumer = quiet(at, { "max.poll.interval.ms": 8_000 }, { onPartitionsLost });
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    await at.until(() => at.transport.count(ApiKey.LeaveGroup) === 1);
    await expect(at.run(consumer.poll(1_000))).rejects.toBe(boom);
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 0 }])));
    await at.run(consumer.close());
  });
});

describe("a member that gives up some partitions and is given others", () => {
  /** Its group is about to take all of `t` from it, and give it all of `u`. */
  async function world(onFirstRevoked: (at: CoreClient, consumer: Consumer) => unknown) {
    const at = await withTopic();
    await createTopics(at, ["u"], 4);
    const log: string[] = [];
    const note = (sign: string) => (partitions: readonly TopicPartition[]) => {
      log.push(`${sign}${[...new Set(partitions.map(({ topic }) => topic))]}`);
    };
    const onPartitionsRevoked = (partitions: readonly TopicPartition[]) => {
      note("-")(partitions);
      return log.filter((one) => one.startsWith("-")).length === 1 ? onFirstRevoked(at, consumer) : undefined;
    };
    const listener = { onPartitionsAssigned: note("+"), onPartitionsRevoked, onPartitionsLost: note("!") };
    const options = { "partition.assignment.strategy": "cooperative-sticky" };
    const consumer = quiet(at, options, listener);
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    log.length = 0;
    const other = quiet(at, options);
    valueOf(await at.run(other.poll(500)));
    valueOf(consumer.subscribe({ topics: ["t", "u"] }, listener));
    return { at, log, consumer };
  }

  it("has them also when the listener throws", async () => {
    const boom = new Error("boom");
    const { at, consumer } = await world(() => {
      throw boom;
    });
    await expect(at.run(consumer.poll(10_000))).rejects.toBe(boom);
    expect(consumer.assignment().map(({ topic }) => topic)).toEqual(["u", "u", "u", "u"]);
  });

  it("isn't given them when it was expelled meanwhile", async () => {
    const { at, consumer, log } = await world(async (core, member) => {
      const { groupId, memberId } = member.groupMetadata();
      valueOf(await core.client.call(1, leaveGroupApi, { groupId, members: [{ memberId }] }));
      await new Promise<void>((resolve) => core.cluster.time.set(resolve, 3_000));
    });
    await pollUntil(at, consumer, () => log.length > 1);
    // What it has is of its next life in the group, by when the other one, whom nobody polls, is out.
    expect(log).toEqual(["-t", "+t,u"]);
  });
});

describe("the leader of a group", () => {
  it("keeps in mind topics that only others read, and shares out once", async () => {
    const at = await withTopic(1);
    await createTopics(at, ["u"], 1);
    const options = { "metadata.max.age.ms": 60_000, "auto.commit.interval.ms": 3_600_000 };
    const [leader, other] = [quiet(at, options), quiet(at, options)];
    valueOf(other.subscribe({ topics: ["u"] }));
    const isShared = () => leader.assignment().length === 1 && other.assignment().length === 1;
    while (!isShared()) await at.run(Promise.all([leader.poll(100), other.poll(100)]));
    const joins = at.transport.count(ApiKey.JoinGroup);
    for (let minute = 0; minute < 8; minute++) {
      await at.cluster.time.advance(60_000);
      await at.run(Promise.all([leader.poll(0), other.poll(0)]));
    }
    await at.run(Promise.all([leader.poll(1_000), other.poll(1_000)]));
    expect(at.transport.count(ApiKey.JoinGroup)).toBe(joins);
    await at.run(Promise.all([leader.close(), other.close()]));
  });
});
