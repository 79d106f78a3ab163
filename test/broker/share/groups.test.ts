import { describe, expect, it, vi } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { ListGroupsRequest, ListGroupsResponse } from "#protocol/messages/16-list-groups.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { CreatePartitionsRequest, CreatePartitionsResponse } from "#protocol/messages/37-create-partitions.ts";
import { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import {
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponse,
} from "#protocol/messages/76-share-group-heartbeat.ts";
import { ShareGroupDescribeRequest, ShareGroupDescribeResponse } from "#protocol/messages/77-share-group-describe.ts";
import {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
} from "#protocol/messages/90-describe-share-group-offsets.ts";
import {
  AlterShareGroupOffsetsRequest,
  AlterShareGroupOffsetsResponse,
} from "#protocol/messages/91-alter-share-group-offsets.ts";
import {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponse,
} from "#protocol/messages/92-delete-share-group-offsets.ts";
import { AcknowledgeType } from "#share/record-state.ts";
import { batchOf, CoreCluster, type TestClient } from "../../doubles/core-cluster.ts";
import { settle } from "../../doubles/manual-time.ts";
import { createTopic, produce } from "../requests.ts";
import { configure, ShareMember } from "./client.ts";

async function open(partitions = 1) {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  const topicId = await createTopic(client, "t", partitions);
  await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 6, { keyType: 0, coordinatorKeys: ["g"] });
  return { cluster, client, topicId };
}

function beat(client: TestClient, memberId: string, memberEpoch: number, extra: object = {}) {
  return client.call(ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, 1, {
    groupId: "g",
    memberId,
    memberEpoch,
    rackId: null,
    ...extra,
  });
}

/** Joins and waits until something is assigned. */
async function join({ cluster, client }: { cluster: CoreCluster; client: TestClient }, memberId: string) {
  const joined = await beat(client, memberId, 0, { subscribedTopicNames: ["t"] });
  expect(joined.errorCode).toBe(ErrorCode.NONE);
  await settle();
  await cluster.time.advance(1_000);
  return beat(client, memberId, joined.memberEpoch);
}

function partitionsOf(response: ShareGroupHeartbeatResponse) {
  return response.assignment?.topicPartitions.flatMap(({ partitions }) => partitions);
}

async function describeGroup(client: TestClient, groupId = "g") {
  const response = await client.call(ShareGroupDescribeRequest, ShareGroupDescribeResponse, 1, { groupIds: [groupId] });
  return response.groups[0];
}

async function offsets(client: TestClient) {
  const request = { groups: [{ groupId: "g", topics: null }] };
  const response = await client.call(DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse, 1, request);
  return response.groups[0].topics.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, startOffset, lag }) => `${partitionIndex}@${startOffset} lag ${lag}`),
  );
}

describe("share groups", () => {
  it("assign what has its state, and tell who is in them", async () => {
    const world = await open(3);
    const first = await beat(world.client, "a", 0, { subscribedTopicNames: ["t"] });
    expect(first).toMatchObject({ errorCode: 0, memberEpoch: 2, heartbeatIntervalMs: 5_000, memberId: "a" });
    expect(partitionsOf(first)).toEqual([]);
    await settle();
    await world.cluster.time.advance(1_000);
    const second = await beat(world.client, "a", 2);
    expect(second.memberEpoch).toBe(3);
    expect(partitionsOf(second)).toEqual([0, 1, 2]);
    expect((await beat(world.client, "a", 3)).assignment).toBeNull();
    const described = await describeGroup(world.client);
    expect(described).toMatchObject({
      groupState: "Stable",
      groupEpoch: 3,
      assignmentEpoch: 3,
      assignorName: "simple",
    });
    expect(described.members[0]).toMatchObject({
      memberId: "a",
      clientHost: "/127.0.0.1",
      subscribedTopicNames: ["t"],
    });
    const listed = await world.client.call(ListGroupsRequest, ListGroupsResponse, 5, { typesFilter: ["Share"] });
    expect(listed.groups).toMatchObject([
      { groupId: "g", protocolType: "share", groupState: "Stable", groupType: "share" },
    ]);
  });

  it("share partitions among more members than there are", async () => {
    const world = await open(1);
    await join(world, "a");
    const second = await beat(world.client, "b", 0, { subscribedTopicNames: ["t"] });
    await world.cluster.time.advance(1_000);
    expect(partitionsOf(await beat(world.client, "b", second.memberEpoch)) ?? partitionsOf(second)).toEqual([0]);
    expect((await describeGroup(world.client)).members).toHaveLength(2);
  });

  it("refuse epochs that they don't know, strangers and nonsense", async () => {
    const world = await open();
    const { client } = world;
    const codes = async (memberId: string, epoch: number, extra = {}) =>
      (await beat(client, memberId, epoch, extra)).errorCode;
    expect(await codes("a", 1)).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(await codes("a", -1)).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(await codes("a", 0)).toBe(ErrorCode.INVALID_REQUEST);
    expect(await codes("", 0, { subscribedTopicNames: ["t"] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await codes("a".repeat(37), 0, { subscribedTopicNames: ["t"] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await codes("a", 0, { subscribedTopicNames: ["t"], rackId: "" })).toBe(ErrorCode.INVALID_REQUEST);
    await join(world, "a");
    expect(await codes("a", 3)).toBe(ErrorCode.NONE);
    expect(await codes("a", 2)).toBe(ErrorCode.NONE);
    expect(await codes("a", 1)).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(await codes("a", 4)).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(await codes("a", -2)).toBe(ErrorCode.INVALID_REQUEST);
    expect(await codes("b", 3)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(await codes("a", -1)).toBe(ErrorCode.NONE);
    expect(await codes("a", -1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("lose members that aren't heard of, also after a restart", async () => {
    const world = await open();
    await join(world, "a");
    await world.cluster.crash(1);
    const client = world.cluster.connect();
    expect(await describeGroup(client)).toMatchObject({
      groupState: "Stable",
      groupEpoch: 3,
      members: [{ memberId: "a" }],
    });
    expect((await beat(client, "a", 3)).errorCode).toBe(ErrorCode.NONE);
    await world.cluster.time.advance(45_000);
    expect(await describeGroup(client)).toMatchObject({ groupState: "Empty", members: [] });
  });

  it("try again with the next heartbeat when state couldn't be made, whatever the reason", async () => {
    const world = await open();
    const { persister } = world.cluster.broker(1).shares;
    const failing = vi.spyOn(persister, "initialize").mockRejectedValueOnce(new Error("lost"));
    const first = await beat(world.client, "a", 0, { subscribedTopicNames: ["t"] });
    await settle();
    expect(failing).toHaveBeenCalledTimes(1);
    const second = await beat(world.client, "a", first.memberEpoch);
    await settle();
    expect(failing).toHaveBeenCalledTimes(2);
    await world.cluster.time.advance(1_000);
    expect(partitionsOf(await beat(world.client, "a", second.memberEpoch))).toEqual([0]);
  });

  it("get the partitions that a topic gets", async () => {
    const world = await open(1);
    const joined = await join(world, "a");
    const grow = { topics: [{ name: "t", count: 2, assignments: null }], timeoutMs: 1_000 };
    await world.client.call(CreatePartitionsRequest, CreatePartitionsResponse, 3, grow);
    const told = await beat(world.client, "a", joined.memberEpoch);
    await settle();
    await world.cluster.time.advance(1_000);
    const later = await beat(world.client, "a", told.memberEpoch);
    await world.cluster.time.advance(1_000);
    const last = await beat(world.client, "a", later.memberEpoch);
    expect(partitionsOf(last) ?? partitionsOf(later)).toEqual([0, 1]);
  });

  it("consume what they are assigned, and say how far they are", async () => {
    const world = await open();
    await configure(world.client, { "share.auto.offset.reset": "earliest" });
    await produce(world.client, "t", batchOf(["a", "b", "c", "d"]));
    await join(world, "a");
    expect(await offsets(world.client)).toEqual(["0@-1 lag -1"]);
    const member = new ShareMember(world.cluster.connect(), world.topicId, "a");
    expect(await member.fetch()).toMatchObject({ acquired: "0-3x1" });
    await member.acknowledge([
      { first: 0, last: 2, types: [AcknowledgeType.ACCEPT, AcknowledgeType.RELEASE, AcknowledgeType.ACCEPT] },
    ]);
    expect(await offsets(world.client)).toEqual(["0@0 lag 2"]);
  });

  it("begin anew where they are told, when they are empty", async () => {
    const world = await open();
    const { client } = world;
    await produce(client, "t", batchOf(["a", "b", "c", "d"]));
    await join(world, "a");
    const alter = (startOffset: number, name = "t") =>
      client.call(AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse, 0, {
        groupId: "g",
        topics: [{ topicName: name, partitions: [{ partitionIndex: 0, startOffset }] }],
      });
    expect((await alter(1)).errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
    await beat(client, "a", -1);
    expect((await alter(1)).responses[0].partitions[0].errorCode).toBe(ErrorCode.NONE);
    expect((await alter(1, "nope")).responses[0].partitions[0].errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await offsets(client)).toEqual(["0@1 lag 3"]);
    await join(world, "b");
    expect(await new ShareMember(world.cluster.connect(), world.topicId, "b").fetch()).toMatchObject({
      acquired: "1-3x1",
    });
  });

  it("forget topics and are forgotten", async () => {
    const world = await open();
    const { client } = world;
    await join(world, "a");
    const forget = async (...names: string[]) => {
      const topics = names.map((topicName) => ({ topicName }));
      return client.call(DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, 0, { groupId: "g", topics });
    };
    const remove = async () => {
      const response = await client.call(DeleteGroupsRequest, DeleteGroupsResponse, 2, { groupsNames: ["g"] });
      return response.results[0].errorCode;
    };
    expect((await forget("t")).errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
    expect(await remove()).toBe(ErrorCode.NON_EMPTY_GROUP);
    await beat(client, "a", -1);
    expect((await forget("t", "nope")).responses.map(({ errorCode }) => errorCode)).toEqual([0, 3]);
    expect((await forget("t")).responses[0].errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await offsets(client)).toEqual([]);
    expect(await remove()).toBe(ErrorCode.NONE);
    expect((await forget("t")).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect((await describeGroup(client)).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    await world.cluster.crash(1);
    expect((await describeGroup(world.cluster.connect())).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });

  it("lose the topics that the cluster loses", async () => {
    const world = await open();
    await join(world, "a");
    const topics = [{ name: "t", topicId: undefined }];
    await world.client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, { topics, timeoutMs: 1_000 });
    await settle();
    expect(await offsets(world.client)).toEqual([]);
    const told = await beat(world.client, "a", 3);
    await world.cluster.time.advance(1_000);
    expect(partitionsOf(await beat(world.client, "a", told.memberEpoch)) ?? partitionsOf(told)).toEqual([]);
  });
});
