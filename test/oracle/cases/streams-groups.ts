import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { pause } from "./consumer-groups.ts";
import { awaitCoordinator, createTopic } from "./setup.ts";
import { streamsNeighbourCases } from "./streams-neighbours.ts";
import {
  beatOf,
  commit,
  describeGroup,
  join,
  setConfigs,
  settled,
  subtopology,
  TARGET_MS,
  topicInfo,
} from "./streams-setup.ts";
import { streamsTopologyCases } from "./streams-topologies.ts";

const READ = "kip1071";
const DELAY_MS = 3_500;

export async function streamsGroupCases(session: Session): Promise<void> {
  session.begin("streams groups");
  await createTopic(session, READ, 4);
  for (const version of [0, 1]) await lifeOfAGroup(session, version);
  await wrongHeartbeats(session);
  await initialDelay(session);
  await movingTasks(session);
  await standbyTasks(session);
  await staticMembers(session);
  await endpoints(session);
  await streamsNeighbourCases(session, READ);
  await streamsTopologyCases(session, READ);
}

/** What it reads, by way of a repartition topic, and keeps. */
function application(session: Session, groupId: string) {
  const repartition = topicInfo(`${groupId}-by-repartition`, {
    topicConfigs: [{ key: "segment.bytes", value: "1048576" }],
  });
  const changelog = topicInfo(`${groupId}-store-changelog`, {
    replicationFactor: 1,
    topicConfigs: [{ key: "cleanup.policy", value: "compact" }],
  });
  return [
    subtopology("0", { sourceTopics: [session.topic(READ)], repartitionSinkTopics: [repartition.name] }),
    subtopology("1", { repartitionSourceTopics: [repartition], stateChangelogTopics: [changelog] }),
  ];
}

async function lifeOfAGroup(session: Session, version: number): Promise<void> {
  session.begin(`life of a streams group ${version}`);
  const groupId = session.topic(`streams-life-${version}`);
  await awaitCoordinator(session, groupId);
  await setConfigs(session, groupId, { "streams.initial.rebalance.delay.ms": "0" });
  const beat = beatOf(session, groupId, version);
  const subtopologies = application(session, groupId);
  await describeGroup(session, groupId, version);
  await beat("joins", join("m", subtopologies, { topology: { epoch: 3, subtopologies } }));
  await describeGroup(session, groupId, version);
  await pause(TARGET_MS);
  const answer = await settled(session, groupId, "m", { version });
  session.note("assigned", answer);
  const { memberEpoch } = answer;
  const owned = { activeTasks: answer.activeTasks, standbyTasks: [], warmupTasks: [] };
  const nothing = { activeTasks: [], standbyTasks: [], warmupTasks: [] };
  const strange = [{ subtopologyId: "0", partitions: [0, 4] }];
  const elsewhere = [{ subtopologyId: "9", partitions: [0] }];
  for (const [what, draft] of Object.entries({
    steady: { memberEpoch },
    full: { memberEpoch, ...owned, processId: "p", rebalanceTimeoutMs: 60_000 },
    "epoch of the future": { memberEpoch: memberEpoch + 1, ...owned },
    "epoch of the past, silent": { memberEpoch: memberEpoch - 1 },
    "epoch of the past": { memberEpoch: memberEpoch - 1, ...owned },
    "epoch of the past, with nothing": { memberEpoch: memberEpoch - 1, ...nothing },
    "epoch long past": { memberEpoch: memberEpoch - 2, ...nothing },
    "a task too many": { memberEpoch, ...nothing, activeTasks: strange },
    "a task of nowhere": { memberEpoch, ...nothing, standbyTasks: elsewhere },
    "half of what it has": { memberEpoch, activeTasks: [] },
    "brings a topology": { memberEpoch, topology: { epoch: 3, subtopologies } },
    offsets: {
      memberEpoch,
      taskOffsets: [{ subtopologyId: "1", partition: 2, offset: 7 }],
      taskEndOffsets: [{ subtopologyId: "1", partition: 2, offset: 9 }],
    },
    "two offsets of a task": {
      memberEpoch,
      taskOffsets: [1, 2].map((offset) => ({ subtopologyId: "1", partition: 2, offset })),
    },
  })) {
    await beat(what, { memberId: "m", ...draft });
  }
  await beat("stranger", { memberId: "stranger", memberEpoch });
  await beat("joins again", join("m", subtopologies, { topology: { epoch: 3, subtopologies } }));
  await beat("joins with a newer topology", join("n", subtopologies, { topology: { epoch: 4, subtopologies } }));
  const [first] = subtopologies;
  await beat("joins with another topology", join("n", [], { topology: { epoch: 3, subtopologies: [first] } }));
  await describeGroup(session, groupId, version);
  await internalTopics(session, groupId);
  await commits(session, { groupId, memberId: "m", memberEpoch });
  await pause(TARGET_MS);
  await beat("says more of itself", {
    memberId: "m",
    memberEpoch,
    rackId: "r",
    clientTags: [{ key: "zone", value: "z" }],
  });
  await pause(TARGET_MS);
  await session.ask("delete a group in use", m.DeleteGroups, 2, { groupsNames: [groupId] });
  await beat("ends the application", { memberId: "m", memberEpoch: memberEpoch + 1, shutdownApplication: true });
  await beat("older topology", join("n", [], { topology: { epoch: 2, subtopologies } }));
  await beat("leaves", { memberId: "n", memberEpoch: -1 });
  await beat("leaves", { memberId: "m", memberEpoch: -1 });
  await beat("leaves again", { memberId: "m", memberEpoch: -1 });
  await describeGroup(session, groupId, version);
  await commit([session, READ], "commit without members", 9, { groupId, memberId: "", generationIdOrMemberEpoch: -1 });
  await session.ask("delete", m.DeleteGroups, 2, { groupsNames: [groupId] });
  await describeGroup(session, groupId, version);
  await beat("leaves what is gone", { memberId: "m", memberEpoch: -1 });
}

async function internalTopics(session: Session, groupId: string): Promise<void> {
  for (const name of [`${groupId}-by-repartition`, `${groupId}-store-changelog`]) {
    const { topics } = await session.tell(m.Metadata, 12, { topics: [{ name }] });
    session.note(`partitions of ${name}`, topics[0].partitions.length);
    await session.ask(`configs of ${name}`, m.DescribeConfigs, 4, {
      resources: [{ resourceType: 2, resourceName: name, configurationKeys: ["cleanup.policy", "segment.bytes"] }],
    });
  }
}

async function commits(
  session: Session,
  who: { groupId: string; memberId: string; memberEpoch: number },
): Promise<void> {
  const { groupId, memberId, memberEpoch } = who;
  for (const version of [8, 9]) {
    for (const [what, draft] of Object.entries({
      commit: {},
      "commit of the future": { generationIdOrMemberEpoch: memberEpoch + 1 },
      "commit of the past": { generationIdOrMemberEpoch: memberEpoch - 1 },
      "commit of a stranger": { memberId: "stranger" },
      "commit of nobody": { memberId: "", generationIdOrMemberEpoch: -1 },
    })) {
      await commit([session, READ], what, version, {
        groupId,
        memberId,
        generationIdOrMemberEpoch: memberEpoch,
        ...draft,
      });
    }
  }
  const topics = [{ name: session.topic(READ), partitionIndexes: [0, 1] }];
  for (const [what, more] of Object.entries({
    own: { memberId, memberEpoch },
    stale: { memberId, memberEpoch: memberEpoch - 1 },
    stranger: { memberId: "stranger", memberEpoch },
    nobody: { memberId: null, memberEpoch: -1 },
  })) {
    await session.ask(`committed by ${what}`, m.OffsetFetch, 9, { groups: [{ groupId, ...more, topics }] });
  }
  const partitions = [{ partitionIndex: 0 }];
  const deleted = [session.topic(READ), session.topic("elsewhere")].map((name) => ({ name, partitions }));
  await session.ask("delete offsets", m.OffsetDelete, 0, { groupId, topics: deleted });
}

async function wrongHeartbeats(session: Session): Promise<void> {
  session.begin("wrong streams heartbeats");
  const groupId = session.topic("streams-wrong");
  await awaitCoordinator(session, groupId);
  const own = [subtopology("0", { sourceTopics: [session.topic(READ)] })];
  const task = [{ subtopologyId: "0", partitions: [0] }];
  const beat = beatOf(session, groupId, 1);
  for (const [what, draft] of Object.entries({
    "nameless group": { ...join("m", own), groupId: "" },
    "blank group": { ...join("m", own), groupId: " " },
    "nameless member": join("", own),
    "blank member": join(" ", own),
    "nameless instance": join("m", own, { instanceId: "" }),
    "nameless rack": join("m", own, { rackId: "" }),
    "no time to rebalance": join("m", own, { rebalanceTimeoutMs: -1 }),
    "no topology": join("m", own, { topology: null }),
    "joins with tasks": join("m", own, { activeTasks: task }),
    "joins with standby tasks": join("m", own, { standbyTasks: task }),
    "joins with warm-up tasks": join("m", own, { warmupTasks: task }),
    "joins with half of nothing": join("m", own, { standbyTasks: null }),
    "epoch -2 without an instance": { memberId: "m", memberEpoch: -2 },
    "epoch -3": { memberId: "m", memberEpoch: -3 },
    "no group": { memberId: "m", memberEpoch: 3 },
    "leaves no group": { memberId: "m", memberEpoch: -1 },
    "leaves with a topology": { memberId: "m", memberEpoch: -1, topology: { epoch: 0, subtopologies: own } },
  })) {
    await beat(what, draft);
  }
  await session.ask("describe a nameless group", m.StreamsGroupDescribe, 1, { groupIds: [""] });
}

async function initialDelay(session: Session): Promise<void> {
  session.begin("streams group that waits");
  const groupId = session.topic("streams-waits");
  await awaitCoordinator(session, groupId);
  const beat = beatOf(session, groupId, 1);
  const own = [subtopology("0", { sourceTopics: [session.topic(READ)] })];
  const joined = await beat("joins", join("a", own));
  await beat("second joins", join("b", own));
  await beat("waits", { memberId: "a", memberEpoch: joined.memberEpoch });
  await describeGroup(session, groupId, 1);
  await pause(DELAY_MS);
  const own2 = { activeTasks: [], standbyTasks: [], warmupTasks: [] };
  const a = await session.tell(m.StreamsGroupHeartbeat, 1, {
    groupId,
    memberId: "a",
    memberEpoch: joined.memberEpoch,
    ...own2,
  });
  session.note("is told its tasks", [a.memberEpoch, a.activeTasks?.flatMap(({ partitions }) => partitions).length]);
  await beat("leaves", { memberId: "a", memberEpoch: -1 });
  await beat("leaves", { memberId: "b", memberEpoch: -1 });
  await beat("joins what is empty", join("c", own));
  await describeGroup(session, groupId, 1);
}

async function movingTasks(session: Session): Promise<void> {
  session.begin("moving tasks");
  const groupId = session.topic("streams-moving");
  await awaitCoordinator(session, groupId);
  await setConfigs(session, groupId, { "streams.initial.rebalance.delay.ms": "0" });
  const beat = beatOf(session, groupId, 1);
  const own = [subtopology("0", { sourceTopics: [session.topic(READ)] })];
  const none = { standbyTasks: [], warmupTasks: [] };
  const has = (...partitions: number[]) => ({ ...none, activeTasks: [{ subtopologyId: "0", partitions }] });
  const a = await beat("a joins", join("a", own, { processId: "p" }));
  await beat("b joins at once", join("b", own, { processId: "q" }));
  await pause(TARGET_MS);
  const b = await beat("b hears nothing", { memberId: "b", memberEpoch: 2, ...has() });
  await describeGroup(session, groupId, 1);
  const told = await beat("a is to give back", { memberId: "a", memberEpoch: a.memberEpoch, ...has(0, 1, 2, 3) });
  await beat("a hasn't yet", { memberId: "a", memberEpoch: told.memberEpoch, ...has(0, 1, 2, 3) });
  await beat("b still waits", { memberId: "b", memberEpoch: b.memberEpoch, ...has() });
  await describeGroup(session, groupId, 1);
  const freed = await beat("a gives back", { memberId: "a", memberEpoch: told.memberEpoch, ...has(0, 1) });
  const got = await beat("b gets it", { memberId: "b", memberEpoch: b.memberEpoch, ...has() });
  await describeGroup(session, groupId, 1);
  await commit([session, READ], "commit of a, with an older epoch", 9, {
    groupId,
    memberId: "a",
    generationIdOrMemberEpoch: a.memberEpoch,
  });
  await commit([session, READ], "commit of b, with an older epoch", 9, {
    groupId,
    memberId: "b",
    generationIdOrMemberEpoch: a.memberEpoch,
  });
  await beat("b leaves", { memberId: "b", memberEpoch: -1 });
  await pause(TARGET_MS);
  await beat("a gets all", { memberId: "a", memberEpoch: freed.memberEpoch, ...has(0, 1) });
  session.note("b had", got.activeTasks);
  await beat("a leaves", { memberId: "a", memberEpoch: -1 });
}

async function standbyTasks(session: Session): Promise<void> {
  session.begin("standby tasks");
  const groupId = session.topic("streams-standby");
  await awaitCoordinator(session, groupId);
  await setConfigs(session, groupId, {
    "streams.initial.rebalance.delay.ms": "0",
    "streams.num.standby.replicas": "1",
  });
  const changelog = topicInfo(`${groupId}-c-changelog`, {
    topicConfigs: [{ key: "cleanup.policy", value: "compact" }],
  });
  const own = [subtopology("0", { sourceTopics: [session.topic(READ)], stateChangelogTopics: [changelog] })];
  const beat = beatOf(session, groupId, 1);
  await beat("joins alone", join("a", own, { processId: "p" }));
  await pause(TARGET_MS);
  const alone = await settled(session, groupId, "a", {});
  session.note("alone", alone);
  await beat("a neighbour joins", join("a2", own, { processId: "p" }));
  await beat("neighbour leaves", { memberId: "a2", memberEpoch: -1 });
  await beat("another joins", join("b", own, { processId: "q" }));
  await pause(TARGET_MS);
  const b = await beat("another waits", { memberId: "b", memberEpoch: alone.memberEpoch });
  await describeGroup(session, groupId, 1);
  const all = { activeTasks: alone.activeTasks, standbyTasks: [], warmupTasks: [] };
  const told = await beat("a keeps state of what it gives", { memberId: "a", memberEpoch: alone.memberEpoch, ...all });
  const reported = { activeTasks: told.activeTasks, standbyTasks: told.standbyTasks, warmupTasks: [] };
  await beat("a has given", { memberId: "a", memberEpoch: told.memberEpoch, ...reported });
  await beat("b gets", {
    memberId: "b",
    memberEpoch: b.memberEpoch,
    activeTasks: [],
    standbyTasks: b.standbyTasks ?? [],
    warmupTasks: [],
  });
  await describeGroup(session, groupId, 1);
}

async function staticMembers(session: Session): Promise<void> {
  session.begin("static streams members");
  const groupId = session.topic("streams-static");
  await awaitCoordinator(session, groupId);
  await setConfigs(session, groupId, { "streams.initial.rebalance.delay.ms": "0" });
  const beat = beatOf(session, groupId, 1);
  const own = [subtopology("0", { sourceTopics: [session.topic(READ)] })];
  const { memberEpoch } = await beat("joins", join("a", own, { instanceId: "i" }));
  await beat("is there twice", join("b", own, { instanceId: "i" }));
  await beat("beats", { memberId: "a", memberEpoch, instanceId: "i" });
  await beat("beats without its instance", { memberId: "a", memberEpoch });
  await beat("beats as somebody else", { memberId: "b", memberEpoch, instanceId: "i" });
  await beat("an unknown instance", { memberId: "a", memberEpoch, instanceId: "j" });
  await beat("leaves for a while", { memberId: "a", memberEpoch: -2, instanceId: "i" });
  await describeGroup(session, groupId, 1);
  await beat("is back", join("b", own, { instanceId: "i" }));
  await describeGroup(session, groupId, 1);
  await beat("the former one beats", { memberId: "a", memberEpoch, instanceId: "i" });
  await beat("the former one leaves", { memberId: "a", memberEpoch: -1, instanceId: "i" });
  await beat("leaves for good", { memberId: "b", memberEpoch: -1, instanceId: "i" });
  await beat("leaves again", { memberId: "b", memberEpoch: -1, instanceId: "i" });
  await describeGroup(session, groupId, 1);
}

async function endpoints(session: Session): Promise<void> {
  session.begin("endpoints");
  const groupId = session.topic("streams-endpoints");
  await awaitCoordinator(session, groupId);
  await setConfigs(session, groupId, { "streams.initial.rebalance.delay.ms": "0" });
  const beat = beatOf(session, groupId, 1);
  const own = [subtopology("0", { sourceTopics: [session.topic(READ)] })];
  const { memberEpoch } = await beat("joins", join("a", own, { userEndpoint: { host: "h", port: 1 } }));
  await beat("knows nothing", { memberId: "a", memberEpoch, endpointInformationEpoch: -1 });
  await beat("knows", { memberId: "a", memberEpoch, endpointInformationEpoch: 1 });
  await beat("b has none", join("b", own, { processId: "q" }));
  await beat("moves", { memberId: "a", memberEpoch, userEndpoint: { host: "h", port: 2 } });
  await beat("joins again without", join("a", own));
  await describeGroup(session, groupId, 1);
}
