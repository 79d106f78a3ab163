import { describe, expect, it } from "vitest";
import { topicConfigs } from "#client/admin.ts";
import {
  alterGroupOffsets,
  deleteGroup,
  deleteGroupOffsets,
  describeClassicGroup,
  describeConsumerGroup,
  groupOffsets,
  listGroups,
} from "#client/admin-groups.ts";
import { alterTopicConfigs, deleteRecords, deleteTopic, growTopic } from "#client/admin-topics.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { coreClient, createTopics } from "../doubles/core-client.ts";
import { valueOf } from "../doubles/tcp-client.ts";
import { join, T0, writeNumbers } from "./consumer/setup.ts";

describe("what an administrator does to topics", () => {
  it("grows, configures, empties and deletes them, and says why not", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], 1);
    await writeNumbers(at, 5);
    valueOf(await at.run(growTopic(at.client, "t", 3)));
    expect(valueOf(await at.run(at.client.topic("t"))).partitions).toHaveLength(3);
    expect(await at.run(growTopic(at.client, "t", 2))).toMatchObject({ errorCode: ErrorCode.INVALID_PARTITIONS });
    const retention = async () =>
      valueOf(await at.run(topicConfigs(at.client, "t"))).find(({ name }) => name === "retention.ms")?.value;
    const before = await retention();
    valueOf(await at.run(alterTopicConfigs(at.client, "t", { "retention.ms": "777" })));
    expect(await retention()).toBe("777");
    valueOf(await at.run(alterTopicConfigs(at.client, "t", { "retention.ms": null })));
    expect(await retention()).toBe(before);
    expect(await at.run(alterTopicConfigs(at.client, "t", { "retention.ms": "long" }))).toMatchObject({
      errorCode: ErrorCode.INVALID_CONFIG,
    });
    expect(valueOf(await at.run(deleteRecords(at.client, [{ ...T0, beforeOffset: 2 }])))).toEqual(
      new Map([["t/0", 2]]),
    );
    expect(valueOf(await at.run(deleteRecords(at.client, [{ ...T0, beforeOffset: -1 }])))).toEqual(
      new Map([["t/0", 5]]),
    );
    expect(await at.run(deleteRecords(at.client, [{ ...T0, beforeOffset: 9 }]))).toMatchObject({
      errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
    });
    valueOf(await at.run(deleteTopic(at.client, "t")));
    expect(await at.run(deleteTopic(at.client, "t"))).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
  });
});

describe("what an administrator asks of groups and does to them", () => {
  it.each(["classic", "consumer"])(
    "lists, describes and deletes a group of the %s protocol, and moves its offsets",
    async (protocol) => {
      const at = await coreClient([1, 2]);
      await createTopics(at, ["t"], 2);
      await writeNumbers(at, 10, { partitions: 2 });
      const member = join(at, { "group.protocol": protocol });
      await at.until(() => member.seen.length === 10);
      valueOf(await at.run(member.consumer.commitSync()));
      const describe = protocol === "classic" ? describeClassicGroup : describeConsumerGroup;
      expect(valueOf(await at.run(listGroups(at.client)))).toMatchObject([{ groupId: "g" }]);
      expect(valueOf(await at.run(listGroups(at.client, { states: ["Empty"] })))).toEqual([]);
      const group = valueOf(await at.run(describe(at.client, "g")));
      expect(group).toMatchObject({ groupId: "g", groupState: "Stable", members: [{ clientId: "test" }] });
      expect(group.members[0].assignment).toEqual([T0, { topic: "t", partition: 1 }]);
      expect(await at.run(deleteGroup(at.client, "g"))).toMatchObject({ errorCode: ErrorCode.NON_EMPTY_GROUP });
      await member.stop();
      const offsets = async () =>
        [...valueOf(await at.run(groupOffsets(at.client, "g"))).values()].map(({ offset }) => offset);
      expect(await offsets()).toEqual([5, 5]);
      valueOf(await at.run(alterGroupOffsets(at.client, "g", [{ ...T0, offset: 2 }])));
      expect((await offsets()).toSorted()).toEqual([2, 5]);
      valueOf(await at.run(deleteGroupOffsets(at.client, "g", [T0])));
      expect(await offsets()).toEqual([5]);
      valueOf(await at.run(deleteGroup(at.client, "g")));
      expect(await at.run(describe(at.client, "g"))).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND });
    },
  );
});
