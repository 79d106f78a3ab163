import type { ApiName, Transcript } from "./transcript.ts";

// What is asked of a broker, in this order. The sessions are Kafka's shortest, since they pass in real time when the transcript is made.

const SESSION_MS = 6_000;
const REBALANCE_MS = 4_000;
const UNKNOWN_ID = "BBBBBBBBBBBBBBBBBBBBBA";

type Body = Record<string, unknown>;

const bytes = (text: string) => new TextEncoder().encode(text);

function join(groupId: string, more: Body = {}): Body {
  const timeouts = { sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS };
  return {
    groupId,
    ...timeouts,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: bytes("m") }],
    ...more,
  };
}

function offset(partitionIndex: number, committedOffset: number, committedMetadata: string | null = null): Body {
  return { partitionIndex, committedOffset, committedLeaderEpoch: -1, committedMetadata };
}

function each(transcript: Transcript, name: ApiName, versions: number[], body: Body): Promise<void> {
  return versions.reduce(
    (before, version) => before.then(() => transcript.step("c", name, version, body)),
    Promise.resolve(),
  );
}

export async function play(transcript: Transcript): Promise<void> {
  await refusals(transcript);
  await standaloneOffsets(transcript);
  await twoMembers(transcript);
  await staticMembers(transcript);
  await silentClients(transcript);
}

async function refusals(t: Transcript): Promise<void> {
  await each(t, "FindCoordinator", [0, 1, 2, 3], { key: "a" });
  await each(t, "FindCoordinator", [4, 5, 6], { coordinatorKeys: ["a", ""] });
  await t.step("r", "JoinGroup", 9, join(""));
  await t.step("r", "JoinGroup", 5, join("a", { sessionTimeoutMs: 5_999 }));
  await t.step("r", "JoinGroup", 9, join("a", { sessionTimeoutMs: 1_800_001 }));
  await t.step("r", "JoinGroup", 9, join("a", { memberId: "nobody" }));
  await t.step("r", "Heartbeat", 0, { groupId: "", memberId: "x" });
  await t.step("r", "Heartbeat", 4, { groupId: "nobody", memberId: "x" });
  await t.step("r", "SyncGroup", 4, { groupId: "", memberId: "x" });
  await t.step("r", "SyncGroup", 5, { groupId: "nobody", memberId: "x" });
  const protocol = { protocolType: "consumer", protocolName: "range" };
  await t.step("r", "SyncGroup", 5, { groupId: "nobody", memberId: "x", ...protocol });
  await t.step("r", "LeaveGroup", 2, { groupId: "nobody", memberId: "x" });
  await t.step("r", "LeaveGroup", 5, { groupId: "nobody", members: [{ memberId: "x" }] });
  await t.step("r", "LeaveGroup", 5, { groupId: "", members: [{ memberId: "x" }] });
}

async function standaloneOffsets(t: Transcript): Promise<void> {
  const { topicId } = t.side;
  const partitions = [
    offset(0, 7, "m"),
    offset(9, 1),
    offset(1, 1, "y".repeat(4_097)),
    offset(2, 0, "y".repeat(4_096)),
  ];
  const topics = [
    { name: "t", topicId, partitions },
    { name: "nowhere", topicId: UNKNOWN_ID, partitions: [offset(0, 1)] },
  ];
  await each(t, "OffsetCommit", [2, 3, 4, 5, 6, 7, 8, 9, 10], { groupId: "s", topics });
  const stranger = { groupId: "nobody", generationIdOrMemberEpoch: 3, memberId: "q" };
  await each(t, "OffsetCommit", [8, 9], { ...stranger, topics: [{ name: "t", partitions: [offset(0, 1)] }] });
  await t.step("c", "OffsetCommit", 8, { groupId: "", topics: [{ name: "t", partitions: [offset(0, 1)] }] });

  const asked = [
    { name: "t", topicId, partitionIndexes: [0, 1, 9] },
    { name: "nowhere", topicId: UNKNOWN_ID, partitionIndexes: [0] },
  ];
  await each(t, "OffsetFetch", [1, 2, 3, 4, 5, 6, 7], { groupId: "s", topics: asked });
  await each(t, "OffsetFetch", [2, 7], { groupId: "s", topics: null });
  const groups = ["s", "nobody"].flatMap((groupId) => [
    { groupId, topics: asked },
    { groupId, topics: null },
  ]);
  await each(t, "OffsetFetch", [8, 9, 10], { groups });
  await each(t, "DescribeGroups", [0, 1, 2, 3, 4, 5, 6], {
    groups: ["s", "nobody", ""],
    includeAuthorizedOperations: true,
  });
}

async function twoMembers(t: Transcript): Promise<void> {
  const protocol = { protocolType: "consumer", protocolName: "range" };
  const commit = (generationIdOrMemberEpoch: number, more: Body = {}) => ({
    groupId: "a",
    memberId: t.id("a"),
    generationIdOrMemberEpoch,
    topics: [{ name: "t", partitions: [offset(0, 5)] }],
    ...more,
  });
  await t.step("a", "JoinGroup", 9, join("a"));
  await t.step("a", "JoinGroup", 9, join("a"));
  await t.step("a", "Heartbeat", 4, { groupId: "a" });
  await t.step("a", "OffsetCommit", 9, commit(1));
  await t.step("a", "SyncGroup", 5, { groupId: "a", ...protocol, protocolName: "other" });
  await t.step("a", "SyncGroup", 5, { groupId: "a", ...protocol, protocolName: null });
  const assignments = [{ memberId: t.id("a"), assignment: bytes("A1") }];
  await t.step("a", "SyncGroup", 5, { groupId: "a", ...protocol, assignments });
  for (const request of [commit(1), commit(7), commit(1, { memberId: "q" }), commit(-1, { memberId: "" })]) {
    await t.step("a", "OffsetCommit", 9, request);
  }
  await t.step("b", "JoinGroup", 3, join("a", { protocols: [{ name: "other", metadata: bytes("") }] }));
  await t.step("b", "JoinGroup", 3, join("a", { protocolType: "connect" }));
  await t.step("b", "JoinGroup", 3, join("a"));
  await t.step("a", "Heartbeat", 4, { groupId: "a" });
  await t.step("a", "SyncGroup", 4, { groupId: "a" });
  await t.step("a", "OffsetCommit", 9, commit(1));
  await each(t, "DescribeGroups", [0, 6], { groups: ["a"] });
  await t.step("a", "JoinGroup", 9, join("a"));
  await t.step("b", "SyncGroup", 3, { groupId: "a" });
  await t.step("a", "Heartbeat", 4, { groupId: "a" });
  await t.step("c", "DescribeGroups", 6, { groups: ["a"] });
  const two = [...assignments, { memberId: "ghost", assignment: bytes("g") }];
  await t.step("a", "SyncGroup", 5, { groupId: "a", ...protocol, assignments: two });
  await t.step("c", "DescribeGroups", 6, { groups: ["a"] });
  await t.step("b", "JoinGroup", 3, join("a"));
  await t.step("b", "JoinGroup", 9, join("a"));
  await t.step("b", "SyncGroup", 3, { groupId: "a" });
  await each(t, "ListGroups", [0, 1, 2, 3, 4, 5], {});
  await t.step("c", "ListGroups", 5, { statesFilter: ["STABLE", " empty"], typesFilter: ["Classic"] });
  for (const filter of [{ statesFilter: ["nonsense"] }, { typesFilter: ["consumer"] }, { typesFilter: ["nonsense"] }]) {
    await t.step("c", "ListGroups", 5, filter);
  }
  await each(t, "DeleteGroups", [0, 3], { groupsNames: ["a", "nobody"] });
  await t.step("c", "DeleteGroups", 1, { groupsNames: [""] });
  await t.step("b", "LeaveGroup", 1, { groupId: "a", memberId: "q" });
  const members = [
    { memberId: t.id("b"), reason: "bye" },
    { memberId: "q" },
    { memberId: "", groupInstanceId: "nope" },
  ];
  await t.step("b", "LeaveGroup", 5, { groupId: "a", members });
  await t.step("a", "Heartbeat", 4, { groupId: "a" });
  // The rebalance that b's leaving began ends without a.
  await t.sleep(REBALANCE_MS + 500);
  await t.step("a", "Heartbeat", 4, { groupId: "a" });
  await t.step("c", "DescribeGroups", 6, { groups: ["a"] });
}

async function staticMembers(t: Transcript): Promise<void> {
  const both = ["range", "sticky"].map((name) => ({ name, metadata: bytes(name) }));
  const joinAs = (groupInstanceId: string, more: Body = {}) =>
    join("st", { groupInstanceId, protocols: both, ...more });
  const protocol = { groupId: "st", protocolType: "consumer", protocolName: "range" };
  const assign = () => [
    { memberId: t.id("a1"), assignment: bytes("1") },
    { memberId: t.id("b1"), assignment: bytes("2") },
  ];
  await t.step("a1", "JoinGroup", 9, joinAs("A"));
  await t.step("b1", "JoinGroup", 9, joinAs("B"));
  await t.step("a1", "JoinGroup", 9, joinAs("A"));
  await t.step("b1", "SyncGroup", 5, { ...protocol, groupInstanceId: "B", assignments: [] });
  await t.step("a1", "SyncGroup", 5, { ...protocol, groupInstanceId: "A", assignments: assign() });
  await t.step("b2", "JoinGroup", 9, joinAs("B"));
  await t.step("b1", "Heartbeat", 4, { groupId: "st", groupInstanceId: "B" });
  await t.step("b1", "SyncGroup", 5, { ...protocol, groupInstanceId: "B" });
  await t.step("b1", "JoinGroup", 9, joinAs("B"));
  const b1 = t.id("b1");
  const members = [{ memberId: b1, groupInstanceId: "B" }, { memberId: b1 }];
  await t.step("b1", "LeaveGroup", 5, { groupId: "st", members });
  const fenced = { groupId: "st", memberId: b1, groupInstanceId: "B", generationIdOrMemberEpoch: 2 };
  await t.step("b1", "OffsetCommit", 9, { ...fenced, topics: [{ name: "t", partitions: [offset(0, 5)] }] });
  await t.step("b2", "SyncGroup", 5, { ...protocol, groupInstanceId: "B" });
  // The leader comes back: in versions that know of skipAssignment, and before.
  for (const [client, version] of [
    ["a2", 9],
    ["a3", 8],
    ["a4", 6],
  ] as const)
    await t.step(client, "JoinGroup", version, joinAs("A"));
  await t.step("c", "DescribeGroups", 6, { groups: ["st"] });
  await t.step("b3", "JoinGroup", 9, joinAs("B", { protocols: [both[1]] }));
  await t.step("a4", "Heartbeat", 4, { groupId: "st", groupInstanceId: "A" });
  await t.step("a4", "Heartbeat", 4, { groupId: "st", groupInstanceId: "Z" });
  await t.step("b4", "JoinGroup", 9, joinAs("B"));
  await t.step("a4", "JoinGroup", 9, joinAs("A"));
  await t.step("b4", "SyncGroup", 5, { ...protocol, groupInstanceId: "B" });
  await t.step("b5", "JoinGroup", 9, joinAs("B"));
  await t.step("a4", "Heartbeat", 4, { groupId: "st", groupInstanceId: "A" });
  const instances = ["A", "B", "A"].map((groupInstanceId) => ({ memberId: "", groupInstanceId }));
  await t.step("c", "LeaveGroup", 5, { groupId: "st", members: instances });
  await t.step("c", "DescribeGroups", 6, { groups: ["st"] });
  await t.step("c", "DeleteGroups", 3, { groupsNames: ["st", "s"] });
  await t.step("c", "OffsetFetch", 7, { groupId: "s", topics: null });
}

async function silentClients(t: Transcript): Promise<void> {
  await t.step("p", "JoinGroup", 9, join("p"));
  await t.sleep(SESSION_MS + 500);
  await t.step("p", "JoinGroup", 9, join("p"));
  await t.step("q", "JoinGroup", 0, join("q"));
  await t.step("q", "SyncGroup", 0, { groupId: "q", assignments: [{ memberId: t.id("q"), assignment: bytes("Q") }] });
  await t.sleep(SESSION_MS + 500);
  await t.step("q", "Heartbeat", 0, { groupId: "q" });
  await t.step("c", "DescribeGroups", 5, { groups: ["q", "p"] });
  await t.step("c", "ListGroups", 5, {});
  await t.step("r", "JoinGroup", 9, join("n", { protocols: [] }));
  await t.step("r", "JoinGroup", 6, join("n", { protocolType: "" }));
}
