import { describe, expect, it } from "vitest";
import { groupOffsets } from "#client/admin-groups.ts";
import { consumerGroupHeartbeatApi, leaveGroupApi } from "#client/apis.ts";
import type { Consumer } from "#client/consumer/consumer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { CoreClient } from "../../doubles/core-client.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { join, pass, pollUntil, quiet, SESSION_MS, T0, withTopic } from "./setup.ts";

const PROTOCOLS = ["classic", "consumer"] as const;
const KIP_848 = { "group.protocol": "consumer", "enable.auto.commit": false };

/** Says goodbye in a member's name, so that its group knows it no more. */
async function expel(at: CoreClient, consumer: Consumer, protocol: (typeof PROTOCOLS)[number]): Promise<void> {
  const { groupId, memberId = "" } = consumer.groupMetadata();
  if (protocol === "classic")
    valueOf(await at.run(at.client.call(1, leaveGroupApi, { groupId, members: [{ memberId }] })));
  else valueOf(await at.run(at.client.call(1, consumerGroupHeartbeatApi, { groupId, memberId, memberEpoch: -1 })));
}

async function committed(at: CoreClient): Promise<number | undefined> {
  return valueOf(await at.run(groupOffsets(at.client, "g"))).get("t/0")?.offset;
}

describe("a member that was fenced and has joined again by itself (KIP-848)", () => {
  it("commits nothing of what it lost, also in the callback that tells of it", async () => {
    const at = await withTopic(1);
    const seen: unknown[] = [];
    const onPartitionsRevoked = async () => {
      seen.push(consumer.groupMetadata().memberId, await consumer.commitSync([{ ...T0, offset: 3 }]));
    };
    const consumer = quiet(at, KIP_848, { onPartitionsRevoked });
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 7 }])));
    const commits = at.transport.count(ApiKey.OffsetCommit);
    await expel(at, consumer, "consumer");
    // Its next heartbeat is refused, and the one behind that joins.
    await pass(at, 3 * SESSION_MS);
    expect(seen).toEqual([]);
    const refused = { errorCode: ErrorCode.UNKNOWN_MEMBER_ID };
    expect(await consumer.commitSync([{ ...T0, offset: 3 }])).toMatchObject(refused);
    await pollUntil(at, consumer, () => seen.length > 0 && consumer.assignment().length === 1);
    expect(seen).toMatchObject(["", refused]);
    expect(at.transport.count(ApiKey.OffsetCommit)).toBe(commits);
    expect(await committed(at)).toBe(7);
    // What it is given anew is its own.
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 8 }])));
    await at.run(consumer.close());
  });
});

describe("a member that stops polling while it joins (KIP-848)", () => {
  it("leaves when max.poll.interval.ms is over, and comes back when it polls", async () => {
    const at = await withTopic(1);
    const gate = Promise.withResolvers<void>();
    at.transport.after = ({ apiKey, count }) =>
      apiKey === ApiKey.ConsumerGroupHeartbeat && count === 1 ? gate.promise : undefined;
    const consumer = quiet(at, { ...KIP_848, "max.poll.interval.ms": 8_000 });
    valueOf(await at.run(consumer.poll(0)));
    await pass(at, 10_000);
    gate.resolve();
    const beats = () => at.transport.count(ApiKey.ConsumerGroupHeartbeat);
    await pass(at, 1_000);
    expect(beats()).toBe(2);
    await pass(at, 4 * SESSION_MS);
    expect(beats()).toBe(2);
    const other = join(at, KIP_848);
    await at.until(() => other.held().length === 1);
    await other.stop();
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    await at.run(consumer.close());
  });
});

describe("a member that polls again before its join was answered (KIP-848)", () => {
  it("takes nothing of what the answer gives to the one that has left", async () => {
    const at = await withTopic(1);
    const gate = Promise.withResolvers<void>();
    at.transport.after = ({ apiKey, count }) =>
      apiKey === ApiKey.ConsumerGroupHeartbeat && count === 1 ? gate.promise : undefined;
    const log: string[] = [];
    const listener = { onPartitionsAssigned: () => log.push("+"), onPartitionsLost: () => log.push("!") };
    const consumer = quiet(at, { ...KIP_848, "max.poll.interval.ms": 8_000 }, listener);
    valueOf(await at.run(consumer.poll(0)));
    await pass(at, 10_000);
    valueOf(await at.run(consumer.poll(0)));
    gate.resolve();
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    valueOf(await at.run(consumer.poll(5_000)));
    expect(log).toEqual(["+"]);
    await at.run(consumer.close());
  });
});

describe.each(PROTOCOLS)("a commit that is tried again (%s)", (protocol) => {
  const options = {
    "group.protocol": protocol,
    "enable.auto.commit": false,
    "retry.backoff.ms": 10_000,
    "retry.backoff.max.ms": 10_000,
    ...(protocol === "classic" ? { "partition.assignment.strategy": "cooperative-sticky" } : {}),
  };
  /** The first commit from now on doesn't arrive. */
  const loseOne = (at: CoreClient) => {
    let isLost = false;
    at.transport.before = ({ apiKey }) => {
      if (apiKey !== ApiKey.OffsetCommit || isLost) return;
      isLost = true;
      throw new Error("lost");
    };
  };

  it("isn't sent for what was another member's meanwhile", async () => {
    const at = await withTopic(1);
    const log: string[] = [];
    const listener = { onPartitionsAssigned: () => log.push("+"), onPartitionsLost: () => log.push("!") };
    const consumer = quiet(at, options, listener);
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    loseOne(at);
    const commit = consumer.commitSync([{ ...T0, offset: 3 }]);
    await at.until(() => at.transport.count(ApiKey.OffsetCommit) === 1);
    await expel(at, consumer, protocol);
    await pollUntil(at, consumer, () => log.length === 3);
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 9 }])));
    expect(await at.run(commit)).toMatchObject({ errorCode: ErrorCode.ILLEGAL_GENERATION });
    expect(await committed(at)).toBe(9);
    await at.run(consumer.close());
  });

  it("is sent for what was this member's throughout", async () => {
    const at = await withTopic();
    const consumer = quiet(at, options);
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    const before = consumer.groupMetadata().generationIdOrMemberEpoch;
    loseOne(at);
    const commits = consumer.assignment().map((one) => consumer.commitSync([{ ...one, offset: 3 }]));
    await at.until(() => at.transport.count(ApiKey.OffsetCommit) === 4);
    for (const [index, commit] of commits.entries()) if (index > 0) valueOf(await at.run(commit));
    const other = quiet(at, options);
    const isShared = () => consumer.assignment().length === 2 && other.assignment().length === 2;
    while (!isShared()) await at.run(Promise.all([consumer.poll(100), other.poll(100)]));
    expect(consumer.groupMetadata().generationIdOrMemberEpoch).not.toBe(before);
    const isKept = consumer.assignment().some(({ partition }) => partition === 0);
    expect(await at.run(commits[0])).toMatchObject({ errorCode: isKept ? 0 : ErrorCode.ILLEGAL_GENERATION });
    expect(isKept).toBe(true);
    await at.run(Promise.all([consumer.close(), other.close()]));
  });
});
