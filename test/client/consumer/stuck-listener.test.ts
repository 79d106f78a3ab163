import { describe, expect, it } from "vitest";
import type { RebalanceListener } from "#client/consumer/membership.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { createTopics } from "../../doubles/core-client.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { pass, pollUntil, quiet, read, SESSION_MS, T0, text, withTopic, writeNumbers } from "./setup.ts";

const MAX_POLL_INTERVAL_MS = 8_000;
const PROTOCOLS = ["classic", "consumer"] as const;

/** A member whose first callback of a kind comes back when the test says so. */
async function member(protocol: (typeof PROTOCOLS)[number], kind: keyof RebalanceListener) {
  const at = await withTopic(1);
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const listener: RebalanceListener = {
    onPartitionsAssigned: () => enter("+"),
    onPartitionsRevoked: () => enter("-"),
    onPartitionsLost: () => enter("!"),
  };
  const stuck = { onPartitionsAssigned: "+", onPartitionsRevoked: "-", onPartitionsLost: "!" }[kind];
  const enter = (sign: string) => {
    log.push(sign);
    return sign === stuck ? gate.promise : undefined;
  };
  const options = {
    "group.protocol": protocol,
    "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
    "enable.auto.commit": false,
  };
  const consumer = quiet(at, options, listener);
  const apiKey = protocol === "classic" ? ApiKey.Heartbeat : ApiKey.ConsumerGroupHeartbeat;
  const beats = () => at.transport.count(apiKey);
  return { at, consumer, log, beats, release: () => gate.resolve() };
}

describe.each(PROTOCOLS)("a listener that hangs in a member of a %s group", (protocol) => {
  it("makes the member leave after max.poll.interval.ms, and come back when it comes back", async () => {
    const { at, consumer, log, beats, release } = await member(protocol, "onPartitionsAssigned");
    const poll = consumer.poll(Number.POSITIVE_INFINITY);
    await at.until(() => log.length > 0);
    await pass(at, MAX_POLL_INTERVAL_MS - 1_000);
    expect(consumer.groupMetadata().memberId).not.toBe("");
    await pass(at, 2_000);
    expect(at.transport.count(ApiKey.LeaveGroup)).toBe(protocol === "classic" ? 1 : 0);
    expect(consumer.groupMetadata().memberId).toBe("");
    const before = beats();
    await pass(at, 2 * SESSION_MS);
    expect(beats()).toBe(before);
    // Another one has the partition meanwhile.
    const other = quiet(at, { "group.protocol": protocol });
    await pollUntil(at, other, () => other.assignment().length === 1);
    await at.run(other.close());
    release();
    await at.until(() => log.length === 3);
    expect(log).toEqual(["+", "!", "+"]);
    consumer.wakeup();
    valueOf(await at.run(poll));
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 0 }])));
    await at.run(consumer.close());
  });

  it("gives out nothing of what was lost meanwhile", async () => {
    const at = await withTopic(1);
    await createTopics(at, ["u"], 1);
    await writeNumbers(at, 3);
    const gate = Promise.withResolvers<void>();
    const log: string[] = [];
    const listener: RebalanceListener = {
      onPartitionsAssigned: (partitions) => {
        log.push("+");
        return partitions.some(({ topic }) => topic === "u") ? gate.promise : undefined;
      },
      onPartitionsLost: () => log.push("!"),
    };
    const options = {
      "group.protocol": protocol,
      "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
      "max.poll.records": 1,
      "enable.auto.commit": false,
      ...(protocol === "classic" ? { "partition.assignment.strategy": "cooperative-sticky" } : {}),
    };
    const consumer = quiet(at, options, listener);
    expect(await read(at, consumer, 1)).toEqual(["0"]);
    valueOf(consumer.pause([T0]));
    valueOf(consumer.subscribe({ topics: ["t", "u"] }, listener));
    const poll = consumer.poll(Number.POSITIVE_INFINITY);
    await at.until(() => log.length === 2);
    valueOf(consumer.resume([T0]));
    await pass(at, 2 * MAX_POLL_INTERVAL_MS);
    gate.resolve();
    expect(valueOf(await at.run(poll)).map(text)).toEqual(["0"]);
    expect(log).toEqual(["+", "+", "!", "+"]);
    await at.run(consumer.close());
  });

  it("doesn't keep a member in its group that was closed", async () => {
    const { at, consumer, log, beats } = await member(protocol, "onPartitionsRevoked");
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    const poll = consumer.poll(Number.POSITIVE_INFINITY);
    await at.run(consumer.close(1_000));
    expect(log).toEqual(["+", "-"]);
    expect(await at.run(poll)).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    const other = quiet(at, { "group.protocol": protocol });
    const leftMs = at.cluster.time.nowMs();
    await pollUntil(at, other, () => other.assignment().length === 1);
    expect(at.cluster.time.nowMs() - leftMs).toBeLessThan(SESSION_MS);
    await at.run(other.close());
    const before = beats();
    await pass(at, 2 * SESSION_MS);
    expect(beats()).toBe(before);
  });
});
