import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { pause } from "./consumer-groups.ts";
import { awaitCoordinator, createTopic } from "./setup.ts";

const GROUP = 32;
const SHARE_ASSIGNMENT_MS = 1_500;
const ANSWER_RETRIES = 50;

export async function shareGroupCases(session: Session): Promise<void> {
  session.begin("share groups");
  const topicId = await createTopic(session, "kip932", 3);
  await createTopic(session, "kip932-other", 1);
  await lifeOfAGroup(session, topicId);
  await wrongHeartbeats(session);
  await severalMembers(session, topicId);
  await offsets(session);
  await otherTypes(session);
  await configs(session);
}

/** What a member says when it joins. */
function join(groupId: string, memberId: string, topicNames: readonly string[] | null, more: object = {}) {
  return { groupId, memberId, memberEpoch: 0, subscribedTopicNames: topicNames, ...more };
}

/** The member is told what it is assigned when its share state is there. */
async function settled(session: Session, groupId: string, memberId: string, memberEpoch: number) {
  for (let attempt = 0; ; attempt++) {
    const answer = await session.tell(m.ShareGroupHeartbeat, 1, { groupId, memberId, memberEpoch });
    if (answer.memberEpoch > memberEpoch || attempt === ANSWER_RETRIES) return answer;
    await pause(100);
  }
}

async function lifeOfAGroup(session: Session, topicId: string): Promise<void> {
  session.begin("life of a share group");
  const groupId = session.topic("share-life");
  const topic = session.topic("kip932");
  await awaitCoordinator(session, groupId);
  const beat = (what: string, draft: object) => session.ask(what, m.ShareGroupHeartbeat, 1, { groupId, ...draft });
  const joined = await beat("joins", join(groupId, "a", [topic]));
  await described(session, groupId);
  await pause(SHARE_ASSIGNMENT_MS);
  const answer = await settled(session, groupId, "a", joined.memberEpoch);
  session.note("assigned", answer);
  const { memberEpoch } = answer;
  await described(session, groupId);
  await beat("steady", { memberId: "a", memberEpoch });
  await beat("full", { memberId: "a", memberEpoch, subscribedTopicNames: [topic] });
  await beat("epoch of the future", { memberId: "a", memberEpoch: memberEpoch + 1 });
  await beat("previous epoch", { memberId: "a", memberEpoch: memberEpoch - 1 });
  await beat("epoch of the past", { memberId: "a", memberEpoch: memberEpoch - 2 });
  await beat("stranger", { memberId: "stranger", memberEpoch });
  await beat("joins again", join(groupId, "a", [topic]));
  await session.ask("delete a group in use", m.DeleteGroups, 2, { groupsNames: [groupId] });
  await beat("wants nothing", { memberId: "a", memberEpoch, subscribedTopicNames: [] });
  await beat("leaves", { memberId: "a", memberEpoch: -1 });
  await beat("leaves again", { memberId: "a", memberEpoch: -1 });
  await described(session, groupId);
  session.call("topicId", topicId, "id of kip932");
  await session.ask("delete", m.DeleteGroups, 2, { groupsNames: [groupId] });
  await described(session, groupId);
}

async function described(session: Session, groupId: string): Promise<void> {
  const answer = await session.tell(m.ShareGroupDescribe, 1, {
    groupIds: [groupId, session.topic("no-group")],
    includeAuthorizedOperations: true,
  });
  for (const { members } of answer.groups) {
    for (const { clientHost } of members) session.call("clientHost", clientHost, "the host");
    members.sort((one, other) => (one.memberId < other.memberId ? -1 : 1));
  }
  session.note("described", answer);
  await session.ask("described as a consumer group", m.ConsumerGroupDescribe, 1, { groupIds: [groupId] });
  await session.ask("described as classic", m.DescribeGroups, 6, { groups: [groupId] });
  for (const typesFilter of [["share"], ["consumer"], []]) {
    const listed = await session.tell(m.ListGroups, 5, { typesFilter });
    session.note(
      `listed ${typesFilter}`,
      listed.groups.filter((group) => group.groupId === groupId),
    );
  }
}

async function wrongHeartbeats(session: Session): Promise<void> {
  session.begin("wrong share heartbeats");
  const groupId = session.topic("share-wrong");
  const topic = session.topic("kip932");
  await awaitCoordinator(session, groupId);
  const beat = (what: string, draft: object) => session.ask(what, m.ShareGroupHeartbeat, 1, draft);
  await beat("nameless group", join("", "m", [topic]));
  await beat("blank group", join(" ", "m", [topic]));
  await beat("nameless member", join(groupId, "", [topic]));
  await beat("blank member", join(groupId, " ", [topic]));
  await beat("long member", join(groupId, "m".repeat(37), [topic]));
  await beat("nameless rack", join(groupId, "m", [topic], { rackId: "" }));
  await beat("no subscription", join(groupId, "m", null));
  await beat("epoch -2", { groupId, memberId: "m", memberEpoch: -2 });
  await beat("no group", { groupId, memberId: "m", memberEpoch: 3 });
  await beat("leaves no group", { groupId, memberId: "m", memberEpoch: -1 });
  await session.ask("describe a nameless group", m.ShareGroupDescribe, 1, { groupIds: [""] });
  const empty = await beat("subscribes to nothing", join(groupId, "m", []));
  await beat("subscribes to what isn't there", {
    groupId,
    memberId: "m",
    memberEpoch: empty.memberEpoch,
    subscribedTopicNames: [session.topic("nowhere")],
  });
  await beat("leaves", { groupId, memberId: "m", memberEpoch: -1 });
}

async function severalMembers(session: Session, topicId: string): Promise<void> {
  session.begin("several sharers");
  const groupId = session.topic("share-several");
  const topics = [session.topic("kip932"), session.topic("kip932-other")];
  await awaitCoordinator(session, groupId);
  const epochs = new Map<string, number>();
  for (const memberId of ["a", "b", "c", "d"]) {
    const answer = await session.tell(m.ShareGroupHeartbeat, 1, join(groupId, memberId, topics));
    epochs.set(memberId, answer.memberEpoch);
    session.note(`${memberId} joins`, { ...answer, assignment: null });
  }
  await pause(SHARE_ASSIGNMENT_MS);
  for (const [memberId, memberEpoch] of epochs) await settled(session, groupId, memberId, memberEpoch);
  await pause(SHARE_ASSIGNMENT_MS);
  const { groups } = await session.tell(m.ShareGroupDescribe, 1, { groupIds: [groupId] });
  const assigned = groups[0].members.flatMap(({ assignment }) =>
    assignment.topicPartitions.flatMap((one) => one.partitions.map((partition) => `${one.topicName} ${partition}`)),
  );
  session.note("every partition is somebody's", [...new Set(assigned)].toSorted().join());
  session.note(
    "members without a partition",
    groups[0].members.filter(({ assignment }) => assignment.topicPartitions.length === 0).length,
  );
  session.note("group", { ...groups[0], members: groups[0].members.length });
  for (const memberId of epochs.keys()) {
    await session.ask(`${memberId} leaves`, m.ShareGroupHeartbeat, 1, { groupId, memberId, memberEpoch: -1 });
  }
  session.call("topicId", topicId, "id of kip932");
}

async function offsets(session: Session): Promise<void> {
  session.begin("share offsets");
  const groupId = session.topic("share-offsets");
  const [topic, other, nowhere] = ["kip932", "kip932-other", "nowhere"].map((name) => session.topic(name));
  await awaitCoordinator(session, groupId);
  const describe = async (what: string, topics: object | null, id = groupId) => {
    for (const version of [0, 1]) {
      await session.ask(what, m.DescribeShareGroupOffsets, version, {
        groups: [{ groupId: id, topics: topics as null }],
      });
    }
  };
  const alter = (what: string, topics: readonly [string, number, number][], id = groupId) =>
    session.ask(what, m.AlterShareGroupOffsets, 0, {
      groupId: id,
      topics: topics.map(([topicName, partitionIndex, startOffset]) => ({
        topicName,
        partitions: [{ partitionIndex, startOffset }],
      })),
    });
  const remove = (what: string, names: readonly string[], id = groupId) =>
    session.ask(what, m.DeleteShareGroupOffsets, 0, { groupId: id, topics: names.map((topicName) => ({ topicName })) });
  await describe("of no group", null);
  await describe("of topics of no group", [{ topicName: topic, partitions: [0] }]);
  await describe("of a nameless group", null, "");
  await remove("of no group", [topic]);
  await remove("of a nameless group", [topic], "");
  await alter("of a nameless group", [[topic, 0, 0]], "");
  await alter("of no group", [
    [topic, 0, 0],
    [other, 7, 0],
    [nowhere, 0, 0],
  ]);
  await describe("altered", null);
  await describe("altered, by name", [{ topicName: topic, partitions: [0] }]);
  await described(session, groupId);
  await alter("below zero", [[topic, 0, -1]]);
  await alter("beyond the end", [[topic, 1, 100]]);
  await describe("altered again", null);
  await alter("no topics", []);
  await remove("no topics", []);
  await remove("deletes", [topic, other, nowhere]);
  await describe("deleted", null);
  const joined = await session.tell(m.ShareGroupHeartbeat, 1, join(groupId, "a", [topic]));
  await alter("of a group with members", [[topic, 0, 0]]);
  await remove("of a group with members", [topic]);
  await pause(SHARE_ASSIGNMENT_MS);
  await settled(session, groupId, "a", joined.memberEpoch);
  await describe("begun", null);
  await session.tell(m.ShareGroupHeartbeat, 1, { groupId, memberId: "a", memberEpoch: -1 });
}

/** Share groups, groups of consumers and classic groups in each other's place. */
async function otherTypes(session: Session): Promise<void> {
  session.begin("share groups and others");
  const [groupId, consumers] = [session.topic("share-type"), session.topic("consumer-type")];
  const topic = session.topic("kip932");
  await awaitCoordinator(session, groupId);
  await awaitCoordinator(session, consumers);
  await session.tell(m.ShareGroupHeartbeat, 1, join(groupId, "a", [topic]));
  await session.tell(m.ConsumerGroupHeartbeat, 1, {
    ...join(consumers, "a", [topic]),
    rebalanceTimeoutMs: 60_000,
    topicPartitions: [],
  });
  await session.ask("a consumer joins it", m.ConsumerGroupHeartbeat, 1, {
    ...join(groupId, "b", [topic]),
    rebalanceTimeoutMs: 60_000,
    topicPartitions: [],
  });
  await session.ask("a classic member joins it", m.JoinGroup, 5, {
    groupId,
    memberId: "",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Buffer.from("") }],
  });
  await session.ask("it joins consumers", m.ShareGroupHeartbeat, 1, join(consumers, "b", [topic]));
  await session.ask("it describes consumers", m.ShareGroupDescribe, 1, { groupIds: [consumers] });
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedLeaderEpoch: -1, committedMetadata: "" }];
  await session.ask("commits to it", m.OffsetCommit, 8, {
    groupId,
    generationIdOrMemberEpoch: -1,
    topics: [{ name: topic, partitions }],
  });
  await session.ask("what is committed", m.OffsetFetch, 8, { groups: [{ groupId, topics: null }] });
  await session.ask("what is committed for a topic", m.OffsetFetch, 8, {
    groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }],
  });
  await session.ask("offsets of consumers", m.DescribeShareGroupOffsets, 1, {
    groups: [{ groupId: consumers, topics: null }],
  });
  const one = { topicName: topic, partitions: [{ partitionIndex: 0, startOffset: 0 }] };
  await session.ask("alters those of consumers", m.AlterShareGroupOffsets, 0, { groupId: consumers, topics: [one] });
  await session.ask("deletes those of consumers", m.DeleteShareGroupOffsets, 0, {
    groupId: consumers,
    topics: [{ topicName: topic }],
  });
  await session.tell(m.ShareGroupHeartbeat, 1, { groupId, memberId: "a", memberEpoch: -1 });
  await session.tell(m.ConsumerGroupHeartbeat, 1, { groupId: consumers, memberId: "a", memberEpoch: -1 });
}

async function configs(session: Session): Promise<void> {
  session.begin("group configs");
  const resourceName = session.topic("configured");
  const set = (what: string, settings: Record<string, string | null>, name = resourceName, configOperation = 0) =>
    session.ask(what, m.IncrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: GROUP,
          resourceName: name,
          configs: Object.entries(settings).map(([key, value]) => ({ name: key, configOperation, value })),
        },
      ],
    });
  const describe = (what: string, names: readonly string[] | null, name = resourceName) =>
    session.ask(what, m.DescribeConfigs, 4, {
      resources: [{ resourceType: GROUP, resourceName: name, configurationKeys: names === null ? null : [...names] }],
      includeSynonyms: true,
    });
  await describe("as they are born", null);
  await set("sets", { "share.auto.offset.reset": "earliest", "share.record.lock.duration.ms": "20000" });
  await pause(300);
  await describe("set", ["share.auto.offset.reset", "share.record.lock.duration.ms"]);
  for (const [name, values] of Object.entries({
    "share.auto.offset.reset": ["latest", "by_duration:PT1H", "by_duration:PT-1H", "by_duration:x", "EARLIEST", "none"],
    "share.isolation.level": ["read_committed", "read_uncommitted", "serializable"],
    "share.record.lock.duration.ms": ["15000", "14999", "60000", "60001", "x"],
    "share.delivery.count.limit": ["2", "1", "10", "11"],
    "share.partition.max.record.locks": ["100", "99", "10000", "10001"],
    "share.session.timeout.ms": ["45000", "44999", "60001"],
    "share.heartbeat.interval.ms": ["5000", "4999", "15001"],
    "share.renew.acknowledge.enable": ["true", "false", "maybe"],
    nope: ["1"],
  })) {
    for (const value of values) await set(`${name} ${value}`, { [name]: value });
  }
  await pause(300);
  await describe("changed", null);
  await set("resets", { "share.auto.offset.reset": null }, resourceName, 1);
  await set("appends", { "share.auto.offset.reset": "x" }, resourceName, 2);
  await set("of a nameless group", { "share.auto.offset.reset": "earliest" }, "");
  await describe("of a nameless group", ["share.auto.offset.reset"], "");
}
