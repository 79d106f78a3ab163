import { describe, expect, it } from "vitest";
import type { RebalanceListener } from "#client/consumer/membership.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { SeenFrame } from "../../doubles/faulty-transport.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { join, pass, pollUntil, quiet, T0, withTopic } from "./setup.ts";

const COOPERATIVE = { "partition.assignment.strategy": "cooperative-sticky", "enable.auto.commit": false };

/** Holds up the first request of an API, or its answer, that comes from now on. */
function hold(apiKey: number, count: number) {
  const gate = Promise.withResolvers<void>();
  const wait = (seen: SeenFrame) => (seen.apiKey === apiKey && seen.count === count ? gate.promise : undefined);
  return { wait, release: () => gate.resolve() };
}

function listening() {
  const log: string[] = [];
  const listener: RebalanceListener = {
    onPartitionsAssigned: () => log.push("+"),
    onPartitionsRevoked: () => log.push("-"),
    onPartitionsLost: () => log.push("!"),
  };
  return { log, listener };
}

describe("the late answer to a commit", () => {
  it("of a generation that is past changes nothing for the new one", async () => {
    const at = await withTopic();
    const { log, listener } = listening();
    const consumer = quiet(at, COOPERATIVE, listener);
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    const commits = hold(ApiKey.OffsetCommit, 1);
    at.transport.before = commits.wait;
    const commit = consumer.commitSync([{ ...T0, offset: 0 }]);
    const other = join(at, COOPERATIVE);
    await pollUntil(at, consumer, () => consumer.assignment().length === 2 && other.held().length === 2);
    const joins = at.transport.count(ApiKey.JoinGroup);
    commits.release();
    expect(await at.run(commit)).toMatchObject({ errorCode: ErrorCode.ILLEGAL_GENERATION });
    valueOf(await at.run(consumer.poll(5_000)));
    expect(at.transport.count(ApiKey.JoinGroup)).toBe(joins);
    expect(log).not.toContain("!");
    const [mine] = consumer.assignment();
    valueOf(await at.run(consumer.commitSync([{ ...mine, offset: 0 }])));
    await other.stop();
    await at.run(consumer.close());
  });

  it("that comes before that of the join leaves the member its place", async () => {
    const at = await withTopic();
    const { log, listener } = listening();
    const consumer = quiet(at, COOPERATIVE, listener);
    await pollUntil(at, consumer, () => consumer.assignment().length === 4);
    const commits = hold(ApiKey.OffsetCommit, 1);
    // Two of the other one, which is told its id by the first, and then that of this one.
    const joinCount = at.transport.count(ApiKey.JoinGroup) + 3;
    const joins = hold(ApiKey.JoinGroup, joinCount);
    at.transport.before = commits.wait;
    at.transport.after = joins.wait;
    const commit = consumer.commitSync([{ ...T0, offset: 0 }]);
    const other = quiet(at, COOPERATIVE);
    valueOf(await at.run(other.poll(500)));
    const poll = consumer.poll(20_000);
    await at.until(() => at.transport.count(ApiKey.JoinGroup) === joinCount);
    await pass(at, 500);
    commits.release();
    expect(await at.run(commit)).toMatchObject({ errorCode: ErrorCode.ILLEGAL_GENERATION });
    joins.release();
    await at.until(() => log.length > 1);
    consumer.wakeup();
    valueOf(await at.run(poll));
    while (other.assignment().length < 2) await at.run(Promise.all([consumer.poll(100), other.poll(100)]));
    expect(log).not.toContain("!");
    expect(consumer.assignment()).toHaveLength(2);
    await at.run(Promise.all([consumer.close(), other.close()]));
  });

  it.each(["classic", "consumer"])("of an earlier life in the group changes nothing (%s)", async (protocol) => {
    const at = await withTopic(1);
    const { log, listener } = listening();
    const options = {
      "group.protocol": protocol,
      "enable.auto.commit": false,
      "max.poll.interval.ms": 8_000,
    };
    const consumer = quiet(at, options, listener);
    await pollUntil(at, consumer, () => consumer.assignment().length === 1);
    const [asked, answered] = [hold(ApiKey.OffsetCommit, 1), hold(ApiKey.OffsetCommit, 1)];
    at.transport.before = asked.wait;
    at.transport.after = answered.wait;
    const commit = consumer.commitSync([{ ...T0, offset: 0 }]);
    await pass(at, 10_000);
    // It has left, and isn't known when the commit comes.
    asked.release();
    await pass(at, 1_000);
    await pollUntil(at, consumer, () => log.length === 3);
    answered.release();
    expect(await at.run(commit)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
    valueOf(await at.run(consumer.poll(5_000)));
    expect(log).toEqual(["+", "!", "+"]);
    valueOf(await at.run(consumer.commitSync([{ ...T0, offset: 0 }])));
    await at.run(consumer.close());
  });
});
