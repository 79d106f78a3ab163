import { describe, expect, it } from "vitest";
import { Client } from "#client/client.ts";
import { type Consumer, openConsumer } from "#client/consumer/consumer.ts";
import type { TopicPartition } from "#client/topic-partition.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { createTopics } from "../../doubles/core-client.ts";
import { ManualTime } from "../../doubles/manual-time.ts";
import { compression, noRandom } from "../../doubles/rest-cluster.ts";
import { ScriptedBrokers } from "../../doubles/scripted-brokers.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { pass, pollUntil, quiet, T0, withTopic } from "./setup.ts";

const CLOSED = { errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED };

describe("a consumer that is closed", () => {
  it("asks for nothing any more", async () => {
    const at = await withTopic(1);
    const consumer = valueOf(openConsumer(at.client, { "group.id": "g" }));
    valueOf(consumer.assign([T0]));
    valueOf(await at.run(consumer.poll(100)));
    await at.run(consumer.close());
    await pass(at, 1_000);
    const before = at.transport.seen.length;
    expect(await consumer.commitSync([{ ...T0, offset: 0 }])).toMatchObject(CLOSED);
    expect(await consumer.committed([T0])).toMatchObject(CLOSED);
    expect(await consumer.endOffsets([T0])).toMatchObject(CLOSED);
    await pass(at, 1_000);
    expect(at.transport.seen.length).toBe(before);
  });

  it("doesn't go on with what it tries again", async () => {
    const at = await withTopic(1);
    const consumer = valueOf(openConsumer(at.client, { "group.id": "g", "enable.auto.commit": false }));
    valueOf(consumer.assign([T0]));
    valueOf(await at.run(consumer.poll(100)));
    at.transport.before = () => {
      throw new Error("lost");
    };
    const work = [consumer.commitSync([{ ...T0, offset: 0 }]), consumer.committed([T0]), consumer.endOffsets([T0])];
    await pass(at, 2_000);
    await at.run(consumer.close());
    const closedMs = at.cluster.time.nowMs();
    for (const one of work) expect(await at.run<unknown>(one)).toMatchObject(CLOSED);
    expect(at.cluster.time.nowMs() - closedMs).toBeLessThan(2_000);
  });

  it("goes no further with a join that is under way", async () => {
    const at = await withTopic(1);
    // As the leader it waits for the topic's partitions before it shares out.
    at.transport.before = ({ apiKey }) => (apiKey === ApiKey.Metadata ? new Promise(() => undefined) : undefined);
    const consumer = quiet(at);
    const poll = consumer.poll(Number.POSITIVE_INFINITY);
    await at.until(() => at.transport.count(ApiKey.JoinGroup) === 2);
    await pass(at, 500);
    await at.run(consumer.close());
    expect(await at.run(poll)).toMatchObject(CLOSED);
    await pass(at, 20_000);
    expect(at.transport.count(ApiKey.SyncGroup)).toBe(0);
  });
});

/** A listener whose first `onPartitionsRevoked` comes back when the test says so. */
function stuck() {
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const note = (sign: string) => (partitions: readonly TopicPartition[]) => {
    log.push(`${sign}${[...new Set(partitions.map(({ topic }) => topic))]}`);
  };
  const onPartitionsRevoked = async (partitions: readonly TopicPartition[]) => {
    note("-")(partitions);
    await gate.promise;
  };
  const listener = { onPartitionsAssigned: note("+"), onPartitionsRevoked, onPartitionsLost: note("!") };
  return { log, listener, release: () => gate.resolve() };
}

describe("a consumer that is closed while its listener hangs", () => {
  it.each([
    ["classic", ApiKey.LeaveGroup],
    ["consumer", ApiKey.ConsumerGroupHeartbeat],
  ])("keeps its connections no longer than a goodbye takes (%s)", async (protocol, apiKey) => {
    const at = await withTopic(1);
    const { listener } = stuck();
    const consumer = quiet(at, { "group.protocol": protocol, "enable.auto.commit": false }, listener);
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    const released: string[] = [];
    Object.assign(at.transport, { release: (lane: string) => released.push(lane) });
    at.transport.before = (seen) => (seen.apiKey === apiKey ? new Promise(() => undefined) : undefined);
    await at.run(consumer.close(1_000));
    expect(released.some((lane) => lane.endsWith("-fetch"))).toBe(false);
    await pass(at, 1_200);
    for (const end of ["-fetch", "-group", "-group-join", "-lookup"]) {
      expect(released.some((lane) => lane.endsWith(end))).toBe(true);
    }
  });

  it("is given nothing more when the listener comes back (classic)", async () => {
    const at = await withTopic();
    await createTopics(at, ["u"], 4);
    const { log, listener, release } = stuck();
    const options = { "partition.assignment.strategy": "cooperative-sticky", "enable.auto.commit": false };
    const consumer = quiet(at, options, listener);
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    const other = quiet(at, options);
    valueOf(await at.run(other.poll(500)));
    // The group takes all of `t` from it, and gives it all of `u`.
    valueOf(consumer.subscribe({ topics: ["t", "u"] }, listener));
    const poll = consumer.poll(Number.POSITIVE_INFINITY);
    await at.until(() => log.includes("-t"));
    // The member has its generation until the goodbye is answered.
    at.transport.before = ({ apiKey }) => (apiKey === ApiKey.LeaveGroup ? new Promise(() => undefined) : undefined);
    await at.run(consumer.close(1_000));
    at.transport.before = () => undefined;
    release();
    expect(await at.run(poll)).toMatchObject(CLOSED);
    expect(log.filter((one) => one.includes("u"))).toEqual([]);
    await at.run(other.close());
  });

  it("is given nothing more when the listener comes back (KIP-848)", async () => {
    const { client, time, targets } = scripted();
    const { log, listener, release } = stuck();
    const consumer = valueOf(
      openConsumer(client, { "group.id": "g", "group.protocol": "consumer", "enable.auto.commit": false }),
    );
    valueOf(consumer.subscribe({ topics: ["t"] }, listener));
    await polled(consumer, () => consumer.assignment().length === 1);
    targets.push([1]);
    await time.advance(2_000);
    const poll = consumer.poll(1_000);
    while (!log.includes("-t")) await time.advance(100);
    const close = consumer.close(1_000);
    await time.advance(2_000);
    await close;
    release();
    await time.advance(1_000);
    expect(await poll).toMatchObject(CLOSED);
    expect(log.filter((one) => one === "+t")).toHaveLength(1);
  });
});

/** A cluster whose group gives its one member what the test says. */
function scripted() {
  const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
  const time = new ManualTime();
  const targets = [[0]];
  const host = { host: "h", port: 1 };
  const brokers = new ScriptedBrokers()
    .on(ApiKey.Metadata, () => ({
      brokers: [{ nodeId: 1, ...host }],
      topics: [
        {
          name: "t",
          topicId: TOPIC_ID,
          partitions: [0, 1].map((partitionIndex) => ({ partitionIndex, leaderId: 1, leaderEpoch: 0 })),
        },
      ],
    }))
    .on(ApiKey.FindCoordinator, (body) => ({
      coordinators: body.coordinatorKeys.map((key: string) => ({ key, nodeId: 1, ...host })),
    }))
    .on(ApiKey.ConsumerGroupHeartbeat, () => {
      const partitions = targets.shift();
      const assignment = partitions === undefined ? null : { topicPartitions: [{ topicId: TOPIC_ID, partitions }] };
      return { memberEpoch: 1, heartbeatIntervalMs: 1_000, assignment };
    });
  const client = new Client(
    { transport: brokers, clock: time, timers: time, random: noRandom, ...compression },
    { clientId: "test" },
  );
  return { client, time, targets };
}

async function polled(consumer: Consumer, condition: () => boolean): Promise<void> {
  while (!condition()) valueOf(await consumer.poll(100));
}
