import { describe, expect, it } from "vitest";
import { ApiKey } from "#protocol/api-keys.ts";
import { type CoreClient, coreClient, createTopics } from "../../doubles/core-client.ts";
import { join, type Member, writeNumbers } from "./setup.ts";

const KIP_848 = { "group.protocol": "consumer" };

async function withTopic(partitions = 4): Promise<CoreClient> {
  const at = await coreClient([1, 2]);
  await createTopics(at, ["t"], partitions);
  return at;
}

function shares(members: readonly Member[]): string {
  return members.map((member) => member.held().length).join();
}

describe("members of a consumer group (KIP-848)", () => {
  it("share, take over, and read nothing twice", async () => {
    const at = await withTopic();
    await writeNumbers(at, 40, { partitions: 4 });
    const one = join(at, KIP_848);
    await at.until(() => shares([one]) === "4" && one.seen.length === 40);
    const other = join(at, KIP_848);
    await at.until(() => shares([one, other]) === "2,2");
    expect(one.log.filter((entry) => entry.startsWith("-")).length).toBe(2);
    await writeNumbers(at, 40, { partitions: 4, from: 40 });
    await at.until(() => one.seen.length + other.seen.length === 80);
    await one.stop();
    await at.until(() => shares([other]) === "4");
    await writeNumbers(at, 40, { partitions: 4, from: 80 });
    await at.until(() => one.seen.length + other.seen.length === 120);
    await other.stop();
    expect(new Set([...one.seen, ...other.seen]).size).toBe(120);
    expect(at.transport.count(ApiKey.JoinGroup)).toBe(0);
  });

  it("lose their partitions when they don't poll in time, and get some when they do again", async () => {
    const at = await withTopic();
    const lazy = join(at, { ...KIP_848, "max.poll.interval.ms": 2_000 });
    const busy = join(at, KIP_848);
    await at.until(() => shares([lazy, busy]) === "2,2");
    await lazy.freeze();
    await at.until(() => shares([busy]) === "4");
    lazy.log.length = 0;
    lazy.resume();
    await at.until(() => shares([lazy, busy]) === "2,2");
    expect(lazy.log.filter((entry) => entry.startsWith("!")).length).toBe(2);
    await lazy.stop();
    await busy.stop();
  });

  it("come back to their partitions when they are static", async () => {
    const at = await withTopic();
    const make = (id: string) => join(at, { ...KIP_848, "group.instance.id": id });
    const [one, other] = [make("a"), make("b")];
    await at.until(() => shares([one, other]) === "2,2");
    const held = one.held();
    other.log.length = 0;
    await one.stop();
    const again = make("a");
    await at.until(() => shares([again]) === "2");
    expect(again.held()).toEqual(held);
    expect(other.log).toEqual([]);
    await again.stop();
    await other.stop();
  });

  it("go on through restarts of their coordinator", async () => {
    const at = await withTopic();
    await writeNumbers(at, 40, { partitions: 4 });
    const members = [join(at, KIP_848), join(at, KIP_848)];
    await at.until(() => shares(members) === "2,2");
    for (let round = 0; round < 3; round++) {
      await at.cluster.crash(1 + (round % 2));
      at.transport.cut();
      await writeNumbers(at, 20, { partitions: 4, from: 40 + 20 * round });
      const count = 60 + 20 * round;
      await at.until(() => shares(members) === "2,2" && new Set(members.flatMap(({ seen }) => seen)).size === count);
    }
    for (const member of members) await member.stop();
  });
});
