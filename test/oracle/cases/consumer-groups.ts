import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { awaitCoordinator, createTopic } from "./setup.ts";

/** A target assignment stands for a second before there is another one. */
export const ASSIGNMENT_INTERVAL_MS = 1_100;
/** Kafka matches regular expressions in the background. */
const REGEX_MS = 1_500;

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a member says when it joins; everything may be said otherwise. */
export function join(groupId: string, memberId: string, topicNames: readonly string[] | null, more: object = {}) {
  const rest = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: topicNames, topicPartitions: [] };
  return { groupId, memberId, memberEpoch: 0, ...rest, ...more };
}

export async function consumerGroupCases(session: Session): Promise<void> {
  session.begin("consumer groups");
  const topicId = await createTopic(session, "kip848", 4);
  await createTopic(session, "kip848-other", 2);
  for (const version of [0, 1]) {
    await lifeOfAGroup(session, version, topicId);
    await wrongHeartbeats(session, version);
  }
  await twoMembers(session, topicId);
  await staticMembers(session);
  await assignors(session);
  await expressions(session);
  await deletedOffsets(session);
  await groupConfigs(session);
}

async function lifeOfAGroup(session: Session, version: number, topicId: string): Promise<void> {
  session.begin(`life of a consumer group ${version}`);
  const groupId = session.topic(`consumer-life-${version}`);
  const topic = session.topic("kip848");
  await awaitCoordinator(session, groupId);
  const beat = (what: string, draft: object) =>
    session.ask(what, m.ConsumerGroupHeartbeat, version, { groupId, ...draft });
  const joined = await session.tell(
    m.ConsumerGroupHeartbeat,
    version,
    join(groupId, version === 0 ? "" : "m-1", [topic]),
  );
  session.call("memberId", joined.memberId ?? "", "the member");
  session.note("joined", joined);
  const memberId = joined.memberId ?? "";
  const { memberEpoch } = joined;
  await beat("steady", { memberId, memberEpoch });
  const full = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: [topic] };
  const all = [{ topicId, partitions: [0, 1, 2, 3] }];
  await beat("full", { memberId, memberEpoch, ...full, topicPartitions: all });
  await beat("epoch of the future", { memberId, memberEpoch: memberEpoch + 1, topicPartitions: all });
  await beat("epoch of the past", { memberId, memberEpoch: memberEpoch - 1, topicPartitions: all });
  await beat("previous epoch", { memberId, memberEpoch: joined.memberEpoch - 2, topicPartitions: [] });
  await beat("stranger", { memberId: "stranger", memberEpoch });
  await beat("joins again", join(groupId, memberId, [topic]));
  await commits(session, { groupId, memberId, memberEpoch, topicId });
  await described(session, version, groupId);
  await beat("changes its mind", {
    memberId,
    memberEpoch,
    subscribedTopicNames: [session.topic("kip848-other"), topic],
  });
  await pause(ASSIGNMENT_INTERVAL_MS);
  await beat("has changed its mind", { memberId, memberEpoch: memberEpoch + 1 });
  await beat("wants nothing", { memberId, memberEpoch: memberEpoch + 1, subscribedTopicNames: [] });
  await beat("has nothing", { memberId, memberEpoch: memberEpoch + 1, topicPartitions: [] });
  await session.ask("delete a group in use", m.DeleteGroups, 2, { groupsNames: [groupId] });
  await beat("leaves", { memberId, memberEpoch: -1 });
  await beat("leaves again", { memberId, memberEpoch: -1 });
  await described(session, version, groupId);
  await session.ask("commit to the empty group", m.OffsetCommit, 9, {
    groupId,
    generationIdOrMemberEpoch: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "" }] }],
  });
  await session.ask("delete", m.DeleteGroups, 2, { groupsNames: [groupId] });
  await described(session, version, groupId);
}

export async function described(session: Session, version: number, groupId: string): Promise<void> {
  const answer = await session.tell(m.ConsumerGroupDescribe, version, {
    groupIds: [groupId, session.topic("no-group")],
    includeAuthorizedOperations: true,
  });
  const groups = answer.groups.map((group) => {
    for (const { clientHost } of group.members) session.call("clientHost", clientHost, "the host");
    // Ids that a cluster made are long.
    const byName = (memberId: string) => (memberId.length < 9 ? memberId : "z");
    return {
      ...group,
      members: group.members.toSorted((one, other) => (byName(one.memberId) < byName(other.memberId) ? -1 : 1)),
    };
  });
  session.note("described", groups);
  for (const one of [5, 6]) await session.ask("described as classic", m.DescribeGroups, one, { groups: [groupId] });
  for (const typesFilter of [["consumer"], ["classic"], ["Consumer", "classic"]]) {
    const listed = await session.tell(m.ListGroups, 5, { typesFilter });
    const own = listed.groups.filter((group) => group.groupId === groupId);
    session.note(`listed ${typesFilter}`, own);
  }
}

async function commits(
  session: Session,
  who: { groupId: string; memberId: string; memberEpoch: number; topicId: string },
): Promise<void> {
  const { groupId, memberId, memberEpoch, topicId } = who;
  const commit = (what: string, version: number, draft: object) =>
    session.ask(what, m.OffsetCommit, version, {
      groupId,
      memberId,
      generationIdOrMemberEpoch: memberEpoch,
      topics: [
        {
          name: session.topic("kip848"),
          topicId,
          partitions: [{ partitionIndex: 0, committedOffset: 7, committedLeaderEpoch: 0, committedMetadata: "so far" }],
        },
      ],
      ...draft,
    });
  for (const version of [8, 9, 10]) {
    await commit("commit", version, {});
    await commit("commit of the future", version, { generationIdOrMemberEpoch: memberEpoch + 1 });
    await commit("commit of the past", version, { generationIdOrMemberEpoch: memberEpoch - 1 });
    await commit("commit of a stranger", version, { memberId: "stranger" });
    await commit("commit of nobody", version, { memberId: "", generationIdOrMemberEpoch: -1 });
  }
  const topics = [{ name: session.topic("kip848"), topicId, partitionIndexes: [0, 1] }];
  for (const version of [8, 9, 10]) {
    for (const [what, more] of Object.entries({
      own: { memberId, memberEpoch },
      stale: { memberId, memberEpoch: memberEpoch - 1 },
      future: { memberId, memberEpoch: memberEpoch + 1 },
      stranger: { memberId: "stranger", memberEpoch },
      nobody: { memberId: null, memberEpoch: -1 },
    })) {
      for (const requireStable of [false, true]) {
        await session.ask(`committed by ${what} ${requireStable}`, m.OffsetFetch, version, {
          groups: [{ groupId, ...more, topics }],
          requireStable,
        });
      }
      await session.ask(`all committed by ${what}`, m.OffsetFetch, version, {
        groups: [{ groupId, ...more, topics: null }],
      });
    }
  }
}

async function wrongHeartbeats(session: Session, version: number): Promise<void> {
  session.begin(`wrong heartbeats ${version}`);
  const groupId = session.topic(`consumer-wrong-${version}`);
  const topic = session.topic("kip848");
  await awaitCoordinator(session, groupId);
  const beat = (what: string, draft: object) => session.ask(what, m.ConsumerGroupHeartbeat, version, draft);
  await beat("nameless group", join("", "m", [topic]));
  await beat("blank group", join(" ", "m", [topic]));
  if (version > 0) await beat("nameless member", join(groupId, "", [topic]));
  await beat("nameless instance", join(groupId, "m", [topic], { instanceId: "" }));
  await beat("nameless rack", join(groupId, "m", [topic], { rackId: "" }));
  await beat("no rebalance timeout", join(groupId, "m", [topic], { rebalanceTimeoutMs: -1 }));
  await beat(
    "joins with partitions",
    join(groupId, "m", [topic], { topicPartitions: [{ topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partitions: [0] }] }),
  );
  await beat("joins without a word on partitions", join(groupId, "m", [topic], { topicPartitions: null }));
  await beat("no subscription", join(groupId, "m", null));
  await beat("unknown assignor", join(groupId, "m", [topic], { serverAssignor: "sticky" }));
  await beat("epoch -2 without an instance", { groupId, memberId: "m", memberEpoch: -2 });
  await beat("epoch -3", { groupId, memberId: "m", memberEpoch: -3 });
  await beat("no group", { groupId, memberId: "m", memberEpoch: 3 });
  await beat("leaves no group", { groupId, memberId: "m", memberEpoch: -1 });
  await beat("leaves no group for a while", { groupId, memberId: "m", memberEpoch: -2, instanceId: "i" });
  await beat("leaves without an id", { groupId, memberId: "", memberEpoch: -1 });
  await session.ask("describe a nameless group", m.ConsumerGroupDescribe, version, { groupIds: [""] });
}

/** Two members share, and the second one waits until the first has given back. */
async function twoMembers(session: Session, topicId: string): Promise<void> {
  session.begin("two consumers");
  const groupId = session.topic("consumer-two");
  const topic = session.topic("kip848");
  await awaitCoordinator(session, groupId);
  const beat = (what: string, draft: object) => session.ask(what, m.ConsumerGroupHeartbeat, 1, { groupId, ...draft });
  const own = (partitions: number[]) => ({ topicPartitions: [{ topicId, partitions }] });
  await beat("a joins", join(groupId, "a", [topic]));
  await pause(ASSIGNMENT_INTERVAL_MS);
  await beat("b joins", join(groupId, "b", [topic]));
  await beat("a is told", { memberId: "a", memberEpoch: 2, ...own([0, 1, 2, 3]) });
  await beat("b waits", { memberId: "b", memberEpoch: 3, topicPartitions: [] });
  await described(session, 1, groupId);
  await beat("a has half given back", { memberId: "a", memberEpoch: 2, ...own([0, 1, 2]) });
  await beat("a has given back", { memberId: "a", memberEpoch: 2, ...own([0, 1]) });
  await beat("b gets", { memberId: "b", memberEpoch: 3, topicPartitions: [] });
  await beat("b has", { memberId: "b", memberEpoch: 3, ...own([2, 3]) });
  await described(session, 1, groupId);
  await beat("a missed it", { memberId: "a", memberEpoch: 2, ...own([0, 1]) });
  await beat("a missed it and has too much", { memberId: "a", memberEpoch: 2, ...own([0, 1, 2]) });
  await beat("a leaves", { memberId: "a", memberEpoch: -1 });
  await pause(ASSIGNMENT_INTERVAL_MS);
  await beat("b gets all", { memberId: "b", memberEpoch: 3, ...own([2, 3]) });
  await beat("b leaves", { memberId: "b", memberEpoch: -1 });
}

async function staticMembers(session: Session): Promise<void> {
  session.begin("static consumers");
  const groupId = session.topic("consumer-static");
  const topic = session.topic("kip848");
  await awaitCoordinator(session, groupId);
  const beat = (what: string, draft: object) => session.ask(what, m.ConsumerGroupHeartbeat, 1, { groupId, ...draft });
  const one = { instanceId: "one" };
  await beat("joins", join(groupId, "a", [topic], one));
  await beat("another one joins as it", join(groupId, "b", [topic], one));
  await beat("joins again", join(groupId, "a", [topic], one));
  await beat("steady", { memberId: "a", memberEpoch: 2, ...one });
  await beat("unknown instance", { memberId: "a", memberEpoch: 2, instanceId: "two" });
  await beat("leaves for a while as another one", { memberId: "b", memberEpoch: -2, ...one });
  await beat("leaves for a while", { memberId: "a", memberEpoch: -2, ...one });
  await described(session, 1, groupId);
  await beat("a beat while away", { memberId: "a", memberEpoch: 2, ...one });
  await beat("is back", join(groupId, "b", [topic], one));
  await beat("the former one beats", { memberId: "a", memberEpoch: 2, ...one });
  await beat("the former one leaves", { memberId: "a", memberEpoch: -1, ...one });
  await described(session, 1, groupId);
  await session.ask("removed by instance", m.LeaveGroup, 4, {
    groupId,
    members: [{ memberId: "", groupInstanceId: "one" }],
  });
  await described(session, 1, groupId);
}

async function assignors(session: Session): Promise<void> {
  for (const serverAssignor of ["range", "uniform"]) {
    session.begin(`assignor ${serverAssignor}`);
    const groupId = session.topic(`consumer-${serverAssignor}`);
    const [topic, other] = [session.topic("kip848"), session.topic("kip848-other")];
    await awaitCoordinator(session, groupId);
    for (const memberId of ["c", "a", "b"]) {
      await session.ask(`${memberId} joins`, m.ConsumerGroupHeartbeat, 1, {
        ...join(groupId, memberId, memberId === "b" ? [topic] : [topic, other], { serverAssignor }),
      });
      await pause(ASSIGNMENT_INTERVAL_MS);
    }
    const { groups } = await session.tell(m.ConsumerGroupDescribe, 1, { groupIds: [groupId] });
    const counts = groups[0].members.map(({ memberId, targetAssignment }) => ({
      name: memberId,
      count: targetAssignment.topicPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0),
    }));
    session.note("shares", {
      counts,
      assignor: groups[0].assignorName,
      epochs: [groups[0].groupEpoch, groups[0].assignmentEpoch],
    });
  }
}

async function expressions(session: Session): Promise<void> {
  session.begin("regular expressions");
  const groupId = session.topic("consumer-regex");
  await awaitCoordinator(session, groupId);
  const regex = (memberId: string, subscribedTopicRegex: string, more: object = {}) =>
    join(groupId, memberId, null, { subscribedTopicRegex, ...more });
  await session.ask("no expression", m.ConsumerGroupHeartbeat, 1, regex("bad", "foo["));
  await session.ask("look-ahead", m.ConsumerGroupHeartbeat, 1, regex("bad", "(?=foo)bar"));
  await session.tell(m.ConsumerGroupHeartbeat, 1, regex("r", `${session.topic("kip848")}.*`));
  await pause(REGEX_MS);
  await session.tell(m.ConsumerGroupHeartbeat, 1, { groupId, memberId: "r", memberEpoch: 1 });
  await pause(ASSIGNMENT_INTERVAL_MS);
  const { groups } = await session.tell(m.ConsumerGroupDescribe, 1, { groupIds: [groupId] });
  session.note(
    "shares",
    groups[0].members.map(({ targetAssignment }) => targetAssignment),
  );
  session.note(
    "expression",
    groups[0].members.map(({ subscribedTopicRegex }) => subscribedTopicRegex),
  );
}

async function deletedOffsets(session: Session): Promise<void> {
  session.begin("deleted offsets");
  const groupId = session.topic("consumer-offsets");
  const [topic, other] = [session.topic("kip848"), session.topic("kip848-other")];
  await awaitCoordinator(session, groupId);
  const remove = (what: string, id = groupId) =>
    session.ask(what, m.OffsetDelete, 0, {
      groupId: id,
      topics: [topic, other].map((name) => ({ name, partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] })),
    });
  await remove("of no group");
  await remove("of a nameless group", "");
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedLeaderEpoch: -1, committedMetadata: "" }];
  await session.tell(m.OffsetCommit, 8, {
    groupId,
    generationIdOrMemberEpoch: -1,
    topics: [topic, other].map((name) => ({ name, partitions })),
  });
  await session.tell(m.ConsumerGroupHeartbeat, 1, join(groupId, "m", [topic]));
  await remove("of a consumer group");
  await session.ask("what is left", m.OffsetFetch, 7, {
    groupId,
    topics: [topic, other].map((name) => ({ name, partitionIndexes: [0] })),
  });
  await session.ask("of topics that aren't there", m.OffsetDelete, 0, {
    groupId,
    topics: [{ name: session.topic("nowhere"), partitions: [{ partitionIndex: 0 }] }],
  });
  const connect = session.topic("connect-group");
  await awaitCoordinator(session, connect);
  const protocols = [{ name: "x", metadata: Buffer.from("x") }];
  await session.tell(m.JoinGroup, 3, {
    groupId: connect,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: "connect",
    protocols,
  });
  await remove("of a live group that isn't one of consumers", connect);
}

const GROUP = 32;

/** What a group sets for itself holds from its next heartbeat on. */
async function groupConfigs(session: Session): Promise<void> {
  session.begin("group configs");
  const groupId = session.topic("consumer-configs");
  await awaitCoordinator(session, groupId);
  const alter = (name: string, value: string) =>
    session.ask(`${name}=${value}`, m.IncrementalAlterConfigs, 1, {
      resources: [{ resourceType: GROUP, resourceName: groupId, configs: [{ name, configOperation: 0, value }] }],
    });
  await alter("consumer.heartbeat.interval.ms", "6000");
  await alter("consumer.session.timeout.ms", "46000");
  await alter("consumer.heartbeat.interval.ms", "1000");
  await alter("consumer.session.timeout.ms", "100000");
  await alter("consumer.nonsense", "1");
  await pause(ASSIGNMENT_INTERVAL_MS);
  await session.ask("joins", m.ConsumerGroupHeartbeat, 1, join(groupId, "m", [session.topic("kip848")]));
  for (const version of [0, 1]) {
    await session.ask("client metrics", m.ListConfigResources, version, { resourceTypes: [16] });
  }
  const { configResources } = await session.tell(m.ListConfigResources, 1, { resourceTypes: [] });
  const own = configResources.filter(({ resourceName }) => resourceName === groupId || resourceName === "1");
  session.note("resources", own.map(({ resourceName, resourceType }) => `${resourceType} ${resourceName}`).sort());
  await session.ask("a type that isn't one", m.ListConfigResources, 1, { resourceTypes: [3] });
}
