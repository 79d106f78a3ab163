import { describe, expect, it } from "vitest";
import { streamsGroupHeartbeat } from "#broker/handlers/88-streams-group-heartbeat.ts";
import { StreamsStatus } from "#group/streams/status.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { JoinGroupRequest, JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import { ListGroupsRequest, ListGroupsResponse } from "#protocol/messages/16-list-groups.ts";
import { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import {
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponse,
} from "#protocol/messages/88-streams-group-heartbeat.ts";
import {
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponse,
} from "#protocol/messages/89-streams-group-describe.ts";
import { CoreCluster, type TestClient } from "../doubles/core-cluster.ts";
import { settle } from "../doubles/manual-time.ts";
import { versions } from "../group/group-server.ts";
import { COUNTING, subtopology, topic, topology } from "../group/streams/topologies.ts";
import { createTopic } from "./requests.ts";

const GROUP_RESOURCE = 32;
const TARGET_MS = 1_000;
const SESSION_MS = 45_000;

async function open(configs: Record<string, string> = {}) {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  await createTopic(client, "t", 4);
  await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 6, { keyType: 0, coordinatorKeys: ["g"] });
  const own = { "streams.initial.rebalance.delay.ms": "0", ...configs };
  await client.call(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, 1, {
    resources: [
      {
        resourceType: GROUP_RESOURCE,
        resourceName: "g",
        configs: Object.entries(own).map(([name, value]) => ({ name, configOperation: 0, value })),
      },
    ],
  });
  return { cluster, client };
}

function join(memberId: string, more: object = {}) {
  return {
    memberId,
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    topology: COUNTING,
    activeTasks: [],
    standbyTasks: [],
    warmupTasks: [],
    processId: memberId,
    clientTags: [],
    ...more,
  };
}

function beat(client: TestClient, draft: object, version = 1) {
  return client.call(StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse, version, { groupId: "g", ...draft });
}

async function describeGroup(client: TestClient, version = 1) {
  const request = { groupIds: ["g", "g"] };
  const { groups } = await client.call(StreamsGroupDescribeRequest, StreamsGroupDescribeResponse, version, request);
  expect(groups.length).toBe(1);
  return groups[0];
}

function statusOf({ status }: StreamsGroupHeartbeatResponse) {
  return status?.map(({ statusCode }) => statusCode);
}

const ALL = ["0", "1"].map((subtopologyId) => ({ subtopologyId, partitions: [0, 1, 2, 3] }));

describe("StreamsGroupHeartbeat and StreamsGroupDescribe", () => {
  for (const version of versions(streamsGroupHeartbeat)) {
    it(`v${version}: a member joins, has its internal topics made, gets its tasks, is described and leaves`, async () => {
      const { cluster, client } = await open();
      const joined = await beat(client, join("m"), version);
      expect(joined).toMatchObject({ errorCode: 0, memberEpoch: 2, heartbeatIntervalMs: 5_000, activeTasks: [] });
      expect(statusOf(joined)).toEqual([StreamsStatus.MISSING_INTERNAL_TOPICS]);
      expect((await describeGroup(client, version)).groupState).toBe("NotReady");
      await settle();
      await cluster.time.advance(TARGET_MS);
      const told = await beat(client, { memberId: "m", memberEpoch: 2 }, version);
      expect(told).toMatchObject({ memberEpoch: 3, status: [], activeTasks: ALL, standbyTasks: [], warmupTasks: [] });
      expect((await beat(client, { memberId: "m", memberEpoch: 3 }, version)).activeTasks).toBe(null);
      const group = await describeGroup(client, version);
      const assignment = { activeTasks: ALL, standbyTasks: [], warmupTasks: [] };
      expect(group).toMatchObject({
        groupState: "Stable",
        groupEpoch: 3,
        assignmentEpoch: 3,
        assignorName: version === 0 ? null : "sticky",
        members: [{ memberId: "m", processId: "m", topologyEpoch: 0, assignment, targetAssignment: assignment }],
      });
      const sizes = group.topology?.subtopologies?.[1].repartitionSourceTopics.map(({ partitions }) => partitions);
      expect(sizes).toEqual([4]);
      expect(await beat(client, { memberId: "m", memberEpoch: -1 }, version)).toMatchObject({
        errorCode: 0,
        memberEpoch: -1,
        status: [],
      });
      expect((await describeGroup(client, version)).groupState).toBe("Empty");
    });
  }

  it("waits for more members first, and gives tasks to all of them", async () => {
    const { cluster, client } = await open({ "streams.initial.rebalance.delay.ms": "3000" });
    const own = topology([subtopology("0", { sourceTopics: ["t"] })]);
    for (const name of ["a", "b"]) {
      const joined = await beat(client, join(name, { topology: own }));
      expect(joined).toMatchObject({ memberEpoch: 1, activeTasks: [] });
      expect(statusOf(joined)).toEqual([StreamsStatus.ASSIGNMENT_DELAYED]);
    }
    await cluster.time.advance(3_000);
    for (const memberId of ["a", "b"]) {
      const told = await beat(client, { memberId, memberEpoch: 1 });
      expect(told.memberEpoch).toBe(3);
      expect(told.activeTasks?.[0].partitions.length).toBe(2);
    }
  });

  it("takes out who is silent, and who doesn't give back", async () => {
    const { cluster, client } = await open();
    const own = topology([subtopology("0", { sourceTopics: ["t"] })]);
    await beat(client, join("a", { topology: own, rebalanceTimeoutMs: 10_000 }));
    await cluster.time.advance(TARGET_MS);
    await beat(client, join("b", { topology: own }));
    const told = await beat(client, { memberId: "a", memberEpoch: 2 });
    expect(told.activeTasks?.[0].partitions.length).toBe(2);
    await cluster.time.advance(10_000);
    expect((await beat(client, { memberId: "a", memberEpoch: 2 })).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const got = await beat(client, { memberId: "b", memberEpoch: 3 });
    expect(got.activeTasks?.[0].partitions.length).toBe(4);
    await cluster.time.advance(SESSION_MS);
    expect((await describeGroup(client)).groupState).toBe("Empty");
  });

  it("says why internal topics can't be made, and tries again when that was a while ago", async () => {
    const { cluster, client } = await open();
    const bad = topic("c", { topicConfigs: [{ key: "no.such.config", value: "1" }] });
    const own = topology([subtopology("0", { sourceTopics: ["t"], stateChangelogTopics: [bad] })]);
    await beat(client, join("m", { topology: own }));
    await settle();
    const { status } = await beat(client, { memberId: "m", memberEpoch: 2 });
    expect(status).toMatchObject([{ statusCode: StreamsStatus.MISSING_INTERNAL_TOPICS }]);
    expect(status?.[0].statusDetail).toMatch(/c \(.*no\.such\.config/);
    await cluster.time.advance(10_000);
    expect((await beat(client, { memberId: "m", memberEpoch: 2 })).status?.[0].statusDetail).not.toMatch(/no\.such/);
  });

  it("refuses what it can't bear, and goes on", async () => {
    const { client } = await open();
    const long = "x".repeat(20_000);
    const names = Array.from({ length: 3_000 }, (_, at) => `${"n".repeat(240)}${at}`);
    const { INVALID_REQUEST, STREAMS_INVALID_TOPOLOGY } = ErrorCode;
    for (const [errorCode, draft] of [
      [INVALID_REQUEST, join(long)],
      [INVALID_REQUEST, join("m", { groupId: long })],
      [INVALID_REQUEST, join("m", { processId: long })],
      [INVALID_REQUEST, join("m", { clientTags: names.map((key) => ({ key, value: "" })) })],
      [STREAMS_INVALID_TOPOLOGY, join("m", { topology: topology([subtopology("0", { sourceTopics: names })]) })],
      [
        STREAMS_INVALID_TOPOLOGY,
        join("m", { topology: topology([subtopology("0", { sourceTopics: ["__consumer_offsets"] })]) }),
      ],
      [STREAMS_INVALID_TOPOLOGY, join("m", { topology: topology([subtopology("0", { sourceTopics: ["a b"] })]) })],
      [STREAMS_INVALID_TOPOLOGY, join("m", { topology: topology([subtopology("0")]) })],
    ] as const) {
      expect((await beat(client, draft)).errorCode).toBe(errorCode);
    }
    expect((await describeGroup(client)).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect((await beat(client, join("m"))).errorCode).toBe(0);
  });

  it("knows its members by their ids, epochs and instances", async () => {
    const { cluster, client } = await open();
    const own = topology([subtopology("0", { sourceTopics: ["t"] })]);
    const all = { activeTasks: [ALL[0]], standbyTasks: [], warmupTasks: [] };
    await beat(client, join("a", { topology: own }));
    await cluster.time.advance(TARGET_MS);
    await beat(client, join("a", { topology: own, rackId: "r" }));
    const errorOf = async (draft: object) => (await beat(client, { memberId: "a", ...draft })).errorCode;
    expect(await errorOf({ memberEpoch: 3 })).toBe(ErrorCode.NONE);
    expect(await errorOf({ memberEpoch: 2, ...all })).toBe(ErrorCode.NONE);
    expect(await errorOf({ memberEpoch: 2 })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(await errorOf({ memberEpoch: 1, ...all })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(await errorOf({ memberEpoch: 4 })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(await errorOf({ memberEpoch: 3, memberId: "x" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(await errorOf({ memberEpoch: -1, memberId: "x" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const strange = [{ subtopologyId: "0", partitions: [4] }];
    expect(await errorOf({ memberEpoch: 3, ...all, activeTasks: strange })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await errorOf({ memberEpoch: 3, topology: own })).toBe(ErrorCode.INVALID_REQUEST);
    const newer = { ...own, epoch: 1 };
    expect((await beat(client, join("b", { topology: newer }))).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    const twice = [1, 2].map((offset) => ({ subtopologyId: "0", partition: 0, offset }));
    expect(await errorOf({ memberEpoch: 3, taskOffsets: twice })).toBe(ErrorCode.INVALID_REQUEST);
    await beat(client, join("s", { topology: own, instanceId: "i" }));
    const second = join("z", { topology: own, instanceId: "i" });
    expect((await beat(client, second)).errorCode).toBe(ErrorCode.UNRELEASED_INSTANCE_ID);
    await beat(client, { memberId: "s", memberEpoch: -2, instanceId: "i" });
    expect((await beat(client, second)).errorCode).toBe(ErrorCode.NONE);
    const former = { memberId: "s", memberEpoch: 3, instanceId: "i" };
    expect((await beat(client, former)).errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect((await beat(client, { ...former, instanceId: "j" })).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("a static member that goes for a while has given back what it had to", async () => {
    const { cluster, client } = await open();
    const own = topology([subtopology("0", { sourceTopics: ["t"] })]);
    await beat(client, join("s", { topology: own, instanceId: "i" }));
    await cluster.time.advance(TARGET_MS);
    await beat(client, join("b", { topology: own }));
    const told = await beat(client, { memberId: "s", memberEpoch: 2, instanceId: "i" });
    expect(told.activeTasks?.[0].partitions.length).toBe(2);
    expect((await beat(client, { memberId: "b", memberEpoch: 3 })).activeTasks).toBe(null);
    await beat(client, { memberId: "s", memberEpoch: -2, instanceId: "i" });
    const got = await beat(client, { memberId: "b", memberEpoch: 3 });
    expect(got.activeTasks?.[0].partitions.length).toBe(2);
  });

  it("tells who answers queries for what", async () => {
    const { cluster, client } = await open();
    const own = topology([subtopology("0", { sourceTopics: ["t"] })]);
    const userEndpoint = { host: "h", port: 7 };
    const entry = { userEndpoint, activePartitions: [{ topic: "t", partitions: [0, 1, 2, 3] }], standbyPartitions: [] };
    const joined = await beat(client, join("a", { topology: own, userEndpoint }));
    expect(joined).toMatchObject({ endpointInformationEpoch: 0, partitionsByUserEndpoint: [entry] });
    expect((await beat(client, { memberId: "a", memberEpoch: 2 })).partitionsByUserEndpoint).toBe(null);
    const moved = await beat(client, { memberId: "a", memberEpoch: 2, userEndpoint: { host: "h", port: 8 } });
    expect(moved.endpointInformationEpoch).toBe(1);
    await cluster.time.advance(TARGET_MS);
    const b = await beat(client, join("b", { topology: own }));
    expect(b.partitionsByUserEndpoint).toMatchObject([{ userEndpoint: { host: "h", port: 8 } }]);
  });

  it("tells members that lack a tag, if they understand it", async () => {
    const { client } = await open({ "streams.rack.aware.assignment.tags": "zone,rack" });
    const tags = { clientTags: [{ key: "rack", value: "r" }] };
    expect(statusOf(await beat(client, join("m", tags), 0))).not.toContain(StreamsStatus.MISSING_CLIENT_TAGS);
    expect(statusOf(await beat(client, join("m", tags), 1))).toContain(StreamsStatus.MISSING_CLIENT_TAGS);
  });

  it("ends the whole application when a member asks for it", async () => {
    const { client } = await open();
    await beat(client, join("a"));
    await beat(client, join("b"));
    await beat(client, { memberId: "stranger", memberEpoch: -1, shutdownApplication: true });
    expect(statusOf(await beat(client, { memberId: "a", memberEpoch: 2 }))).not.toContain(
      StreamsStatus.SHUTDOWN_APPLICATION,
    );
    await beat(client, { memberId: "b", memberEpoch: -1, shutdownApplication: true });
    expect(statusOf(await beat(client, { memberId: "a", memberEpoch: 2 }))).toContain(
      StreamsStatus.SHUTDOWN_APPLICATION,
    );
    await beat(client, { memberId: "a", memberEpoch: -1 });
    expect(statusOf(await beat(client, join("a")))).not.toContain(StreamsStatus.SHUTDOWN_APPLICATION);
  });

  it("is found by other APIs as what it is, and gives its name away when it is empty", async () => {
    const { client } = await open();
    await beat(client, join("m"));
    const listed = await client.call(ListGroupsRequest, ListGroupsResponse, 5, { typesFilter: ["Streams"] });
    expect(listed.groups).toEqual([
      { groupId: "g", protocolType: "streams", groupState: "NotReady", groupType: "streams" },
    ]);
    const remove = () => client.call(DeleteGroupsRequest, DeleteGroupsResponse, 2, { groupsNames: ["g"] });
    expect((await remove()).results[0].errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
    const commit = (memberId: string, generationIdOrMemberEpoch: number) =>
      client.call(OffsetCommitRequest, OffsetCommitResponse, 9, {
        groupId: "g",
        memberId,
        generationIdOrMemberEpoch,
        topics: [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 1 }] }],
      });
    const errorOf = ({ topics }: OffsetCommitResponse) => topics[0].partitions[0].errorCode;
    expect(errorOf(await commit("m", 2))).toBe(ErrorCode.NONE);
    expect(errorOf(await commit("m", 3))).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(errorOf(await commit("x", 2))).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const joinClassically = () =>
      client.call(JoinGroupRequest, JoinGroupResponse, 5, {
        groupId: "g",
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        protocolType: "consumer",
        protocols: [{ name: "range", metadata: new Uint8Array(0) }],
      });
    expect((await joinClassically()).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    await beat(client, { memberId: "m", memberEpoch: -1 });
    expect((await joinClassically()).errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    expect((await describeGroup(client)).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect((await beat(client, join("m"))).errorCode).toBe(ErrorCode.NONE);
    await beat(client, { memberId: "m", memberEpoch: -1 });
    expect((await remove()).results[0].errorCode).toBe(ErrorCode.NONE);
  });
});
