import type { Message } from "#protocol/schema.ts";
import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { awaitCoordinator, createTopic } from "./setup.ts";

function joinDraft(groupId: string, memberId = "", extra: object = {}) {
  return {
    groupId,
    memberId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Buffer.from("subscription") }],
    ...extra,
  };
}

export async function groupCases(session: Session): Promise<void> {
  session.begin("groups");
  const topicId = await createTopic(session, "groups", 2);
  for (let version = 0; version <= 6; version++) {
    const groupId = session.topic(`find-${version}`);
    await awaitCoordinator(session, groupId);
    await session.ask("find", m.FindCoordinator, version, { key: groupId, keyType: 0, coordinatorKeys: [groupId] });
    await session.ask("find nameless", m.FindCoordinator, version, { key: "", keyType: 0, coordinatorKeys: [""] });
    if (version > 0)
      await session.ask("find type 9", m.FindCoordinator, version, { key: "x", keyType: 9, coordinatorKeys: ["x"] });
  }
  for (let version = 0; version <= 9; version++) await lifeOfAGroup(session, version, topicId);
  await wrongAsking(session);
  await staticMembers(session);
}

/** A member joins, syncs, commits, is looked at and leaves, all in about the same version. */
async function lifeOfAGroup(session: Session, version: number, topicId: string): Promise<void> {
  session.begin(`life of a group ${version}`);
  const groupId = session.topic(`life-${version}`);
  const at = <T>(api: readonly [Message<T>, unknown]) => Math.max(api[0].min, Math.min(version, api[0].max));
  await awaitCoordinator(session, groupId);
  let memberId = "";
  if (version >= 4) {
    const first = await session.tell(m.JoinGroup, version, joinDraft(groupId));
    memberId = first.memberId;
    session.call("memberId", memberId, "the member");
    session.note("id required", first);
  }
  const joined = await session.tell(m.JoinGroup, version, joinDraft(groupId, memberId));
  memberId = joined.memberId;
  for (const field of ["memberId", "leader"]) session.call(field, memberId, "the member");
  session.note("joined", joined);
  const { generationId } = joined;
  await session.ask("heartbeat before sync", m.Heartbeat, at(m.Heartbeat), { groupId, generationId, memberId });
  const protocol = { protocolType: "consumer", protocolName: "range" };
  const assignments = [{ memberId, assignment: Buffer.from("all of it") }];
  await session.ask("sync", m.SyncGroup, at(m.SyncGroup), {
    groupId,
    generationId,
    memberId,
    ...protocol,
    assignments,
  });
  await session.ask("sync again", m.SyncGroup, at(m.SyncGroup), {
    groupId,
    generationId,
    memberId,
    ...protocol,
    assignments: [],
  });
  await session.ask("heartbeat", m.Heartbeat, at(m.Heartbeat), { groupId, generationId, memberId });
  await session.ask("old heartbeat", m.Heartbeat, at(m.Heartbeat), {
    groupId,
    generationId: generationId - 1,
    memberId,
  });
  await session.ask("heartbeat of a stranger", m.Heartbeat, at(m.Heartbeat), {
    groupId,
    generationId,
    memberId: "stranger",
  });
  for (const commitVersion of [Math.max(2, version), 10]) {
    const commit = (extra: object, partitions: object[]) => ({
      groupId,
      generationIdOrMemberEpoch: generationId,
      memberId,
      topics: [{ name: session.topic("groups"), topicId, partitions }],
      ...extra,
    });
    const partition = { partitionIndex: 0, committedOffset: 7, committedLeaderEpoch: 0, committedMetadata: "so far" };
    const offsets = m.OffsetCommit;
    await session.ask("commit", offsets, commitVersion, commit({}, [partition]));
    await session.ask(
      "commit amiss",
      offsets,
      commitVersion,
      commit({}, [
        { ...partition, committedMetadata: "m".repeat(5_000) },
        { ...partition, partitionIndex: 99 },
      ]),
    );
    await session.ask(
      "commit null metadata",
      offsets,
      commitVersion,
      commit({}, [{ ...partition, partitionIndex: 1, committedMetadata: null }]),
    );
    await session.ask(
      "old commit",
      offsets,
      commitVersion,
      commit({ generationIdOrMemberEpoch: generationId - 1 }, [partition]),
    );
    await session.ask("commit of a stranger", offsets, commitVersion, commit({ memberId: "stranger" }, [partition]));
    await session.ask(
      "commit without membership",
      offsets,
      commitVersion,
      commit({ memberId: "", generationIdOrMemberEpoch: -1 }, [partition]),
    );
    await session.ask("commit for nowhere", offsets, commitVersion, {
      ...commit({}, []),
      topics: [{ name: session.topic("nowhere"), topicId: "abcdefghijklmnopqrstuA", partitions: [partition] }],
    });
  }
  const names = [{ name: session.topic("groups"), partitionIndexes: [0, 1, 9] }];
  for (const fetchVersion of new Set([Math.max(1, version), 10])) {
    const groups = [
      { groupId, topics: names.map((topic) => ({ ...topic, topicId })) },
      { groupId: session.topic("no-group"), topics: null },
    ];
    await session.ask("committed", m.OffsetFetch, fetchVersion, { groupId, topics: names, groups });
    if (fetchVersion < 2) continue;
    await session.ask("all committed", m.OffsetFetch, fetchVersion, {
      groupId,
      topics: null,
      groups: [{ groupId, topics: null }],
    });
  }
  const described = await session.tell(m.DescribeGroups, at(m.DescribeGroups), {
    groups: [groupId, session.topic("no-group")],
  });
  for (const { members } of described.groups)
    for (const { clientHost } of members) session.call("clientHost", clientHost, "the host");
  session.note("described", described);
  const listed = await session.tell(m.ListGroups, at(m.ListGroups), { statesFilter: ["Stable"] });
  session.note(
    "listed",
    listed.groups.filter((group) => group.groupId === groupId),
  );
  await session.ask("delete a group in use", m.DeleteGroups, Math.min(version, 2), { groupsNames: [groupId] });
  const leave = {
    groupId,
    memberId,
    members: [{ memberId }, { memberId: "stranger" }, { memberId: "", groupInstanceId: "nobody" }],
  };
  await session.ask("leave", m.LeaveGroup, at(m.LeaveGroup), leave);
  await session.ask("leave again", m.LeaveGroup, at(m.LeaveGroup), { groupId, memberId, members: [{ memberId }] });
  await session.ask("described empty", m.DescribeGroups, at(m.DescribeGroups), { groups: [groupId] });
  await session.ask("commit to the empty group", m.OffsetCommit, 5, {
    groupId,
    topics: [
      { name: session.topic("groups"), partitions: [{ partitionIndex: 1, committedOffset: 3, committedMetadata: "" }] },
    ],
  });
  await session.ask("delete", m.DeleteGroups, Math.min(version, 2), {
    groupsNames: [groupId, session.topic("no-group")],
  });
  await session.ask("committed after deletion", m.OffsetFetch, 7, { groupId, topics: names });
}

async function wrongAsking(session: Session): Promise<void> {
  session.begin("wrong joins");
  const groupId = session.topic("wrong");
  await awaitCoordinator(session, groupId);
  const join = async (what: string, draft: object) => {
    const answer = await session.tell(m.JoinGroup, 3, { ...joinDraft(groupId), ...draft });
    if (answer.errorCode === 0)
      for (const field of ["memberId", "leader"]) session.call(field, answer.memberId, `member of ${what}`);
    session.note(what, answer);
    return answer;
  };
  await join("nameless group", { groupId: "" });
  await join("short session", { sessionTimeoutMs: 10 });
  await join("long session", { sessionTimeoutMs: 100_000_000 });
  await join("unknown member", { memberId: "who" });
  await join("no protocols", { protocols: [] });
  await join("no protocol type", { protocolType: "" });
  const member = await join("first member", {});
  await session.tell(m.SyncGroup, 2, {
    groupId,
    generationId: member.generationId,
    memberId: member.memberId,
    assignments: [],
  });
  await join("another protocol type", { protocolType: "connect" });
  await join("no common protocol", { protocols: [{ name: "sticky", metadata: Buffer.from("x") }] });
  for (const [what, draft] of Object.entries({
    "sync by a stranger": { memberId: "stranger" },
    "sync of an old generation": { generationId: member.generationId - 1 },
    "sync of another protocol": { protocolName: "sticky" },
    "sync of another type": { protocolType: "connect" },
    "sync of no group": { groupId: session.topic("no-group") },
    "sync of a nameless group": { groupId: "" },
  })) {
    await session.ask(what, m.SyncGroup, 5, {
      groupId,
      generationId: member.generationId,
      memberId: member.memberId,
      protocolType: "consumer",
      protocolName: "range",
      assignments: [],
      ...draft,
    });
  }
  await session.ask("heartbeat of no group", m.Heartbeat, 3, {
    groupId: session.topic("no-group"),
    generationId: 1,
    memberId: "x",
  });
  await session.ask("heartbeat of a nameless group", m.Heartbeat, 3, { groupId: "", generationId: 1, memberId: "x" });
  await session.ask("leave no group", m.LeaveGroup, 3, {
    groupId: session.topic("no-group"),
    members: [{ memberId: "x" }],
  });
  await session.ask("leave a nameless group", m.LeaveGroup, 3, { groupId: "", members: [{ memberId: "x" }] });
  for (const version of [2, 8, 9]) {
    await session.ask("commit with a generation to no group", m.OffsetCommit, version, {
      groupId: session.topic("no-group"),
      generationIdOrMemberEpoch: 4,
      memberId: "x",
      topics: [
        {
          name: session.topic("groups"),
          partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }],
        },
      ],
    });
  }
  await session.ask("commit to a nameless group", m.OffsetCommit, 8, {
    groupId: "",
    topics: [
      { name: session.topic("groups"), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }] },
    ],
  });
  await session.ask("filter by a state that isn't one", m.ListGroups, 4, { statesFilter: ["Sleepy"] });
  await session.ask("filter by a type that isn't one", m.ListGroups, 5, { typesFilter: ["sleepy"] });
}

async function staticMembers(session: Session): Promise<void> {
  session.begin("static members");
  const groupId = session.topic("static");
  await awaitCoordinator(session, groupId);
  const join = async (what: string, memberId: string) => {
    const answer = await session.tell(m.JoinGroup, 9, joinDraft(groupId, memberId, { groupInstanceId: "one" }));
    for (const field of ["memberId", "leader"]) session.call(field, answer.memberId, `member of ${what}`);
    session.note(what, answer);
    return answer;
  };
  const first = await join("first", "");
  const protocol = { protocolType: "consumer", protocolName: "range" };
  const { generationId } = first;
  const assignments = [{ memberId: first.memberId, assignment: Buffer.from("mine") }];
  await session.ask("sync", m.SyncGroup, 5, {
    groupId,
    generationId,
    memberId: first.memberId,
    groupInstanceId: "one",
    ...protocol,
    assignments,
  });
  const second = await join("again without an id", "");
  await session.ask("sync again", m.SyncGroup, 5, {
    groupId,
    generationId,
    memberId: second.memberId,
    groupInstanceId: "one",
    ...protocol,
    assignments: [],
  });
  await session.ask("fenced heartbeat", m.Heartbeat, 4, {
    groupId,
    generationId,
    memberId: first.memberId,
    groupInstanceId: "one",
  });
  await session.ask("fenced sync", m.SyncGroup, 5, {
    groupId,
    generationId,
    memberId: first.memberId,
    groupInstanceId: "one",
    ...protocol,
    assignments,
  });
  await session.ask("fenced commit", m.OffsetCommit, 8, {
    groupId,
    generationIdOrMemberEpoch: generationId,
    memberId: first.memberId,
    groupInstanceId: "one",
    topics: [
      { name: session.topic("groups"), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }] },
    ],
  });
  await session.ask("fenced leave", m.LeaveGroup, 4, {
    groupId,
    members: [{ memberId: first.memberId, groupInstanceId: "one" }],
  });
  await session.ask("fenced join", m.JoinGroup, 9, joinDraft(groupId, first.memberId, { groupInstanceId: "one" }));
  await session.ask("leave by instance", m.LeaveGroup, 4, {
    groupId,
    members: [{ memberId: "", groupInstanceId: "one" }],
  });
}
