import { describe, expect, it } from "vitest";
import { consumerGroupHeartbeat } from "#broker/handlers/68-consumer-group-heartbeat.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { GroupServer, versions } from "../group/group-server.ts";

const TOPIC = "t";

function join(memberId: string, more: object = {}) {
  return {
    groupId: "g",
    memberId,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: [TOPIC],
    topicPartitions: [],
    ...more,
  };
}

describe("ConsumerGroupHeartbeat and ConsumerGroupDescribe", () => {
  for (const version of versions(consumerGroupHeartbeat)) {
    it(`v${version}: a member joins, is described and leaves`, async () => {
      const server = new GroupServer();
      const topicId = server.world.topicId(TOPIC) ?? "";
      const joined = await server.beat(version, join(version === 0 ? "" : "m"));
      const assignment = { topicPartitions: [{ topicId, partitions: [0, 1, 2] }] };
      expect(joined).toMatchObject({
        errorCode: ErrorCode.NONE,
        memberEpoch: 2,
        heartbeatIntervalMs: 5_000,
        assignment,
      });
      const memberId = joined.memberId ?? "";
      expect(memberId).toMatch(version === 0 ? /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ : /^m$/);
      expect((await server.beat(version, { groupId: "g", memberId, memberEpoch: 2 })).assignment).toBe(null);
      const { groups } = await server.describeConsumers(version, { groupIds: ["g", "g", "h"] });
      const own = { topicPartitions: [{ topicId, topicName: TOPIC, partitions: [0, 1, 2] }] };
      const member = { memberId, assignment: own, targetAssignment: own, memberType: version === 0 ? -1 : 1 };
      expect(groups).toMatchObject([
        {
          groupId: "g",
          groupState: "Stable",
          groupEpoch: 2,
          assignmentEpoch: 2,
          assignorName: "uniform",
          members: [member],
        },
        { groupId: "h", errorCode: ErrorCode.GROUP_ID_NOT_FOUND },
      ]);
      expect(await server.beat(version, { groupId: "g", memberId, memberEpoch: -1 })).toMatchObject({
        memberEpoch: -1,
      });
    });
  }

  it("a second member gets nothing before the first has given back", async () => {
    const server = new GroupServer();
    const topicId = server.world.topicId(TOPIC) ?? "";
    await server.beat(1, join("a"));
    await server.world.time.advance(1_000);
    const second = await server.beat(1, join("b"));
    expect(second.assignment?.topicPartitions).toEqual([]);
    const told = await server.beat(1, { groupId: "g", memberId: "a", memberEpoch: 2 });
    expect(told.assignment?.topicPartitions).toEqual([{ topicId, partitions: [0, 1] }]);
    await server.beat(1, { groupId: "g", memberId: "a", memberEpoch: 2, ...told.assignment });
    const got = await server.beat(1, { groupId: "g", memberId: "b", memberEpoch: 3, topicPartitions: [] });
    expect(got.assignment?.topicPartitions).toEqual([{ topicId, partitions: [2] }]);
  });

  it("refuses what wouldn't fit into a record, and goes on", async () => {
    const server = new GroupServer();
    const long = "x".repeat(20_000);
    const names = Array.from({ length: 4_000 }, (_, at) => `${"n".repeat(200)}${at}`);
    for (const one of [
      join(long),
      join("m", { groupId: long }),
      join("m", { instanceId: long }),
      join("m", { rackId: long }),
      join("m", { subscribedTopicNames: names }),
    ]) {
      expect((await server.beat(1, one)).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    }
    const regex = (subscribedTopicRegex: string) => join("m", { subscribedTopicNames: null, subscribedTopicRegex });
    for (const text of ["a".repeat(1_001), "(((a{10}){10}){10}){9}", "[", "(?=a)"]) {
      expect((await server.beat(1, regex(text))).errorCode).toBe(ErrorCode.INVALID_REGULAR_EXPRESSION);
    }
    expect((await server.describeConsumers(1, { groupIds: ["g"] })).groups[0].errorCode).toBe(
      ErrorCode.GROUP_ID_NOT_FOUND,
    );
    expect((await server.beat(1, regex("t|u"))).assignment?.topicPartitions.length).toBe(2);
  });

  it("is found by other APIs as what it is", async () => {
    const server = new GroupServer();
    await server.beat(1, join("m"));
    const listed = await server.list(5, { typesFilter: ["Consumer"] });
    expect(listed.groups).toEqual([
      { groupId: "g", protocolType: "consumer", groupState: "Stable", groupType: "consumer" },
    ]);
    expect((await server.list(5, { typesFilter: ["classic"] })).groups).toEqual([]);
    expect((await server.describe(6, { groups: ["g"] })).groups[0]).toMatchObject({
      groupState: "Dead",
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: "Group g is not a classic group.",
    });
    expect((await server.delete(2, { groupsNames: ["g"] })).results[0].errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
    const offsets = await server.deleteOffsets({
      groupId: "g",
      topics: [
        { name: "t", partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] },
        { name: "u", partitions: [{ partitionIndex: 0 }] },
      ],
    });
    expect(offsets.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
      [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [ErrorCode.NONE],
    ]);
  });
});
