import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { awaitCoordinator } from "./setup.ts";
import { beatOf, commit, join, setConfigs, subtopology } from "./streams-setup.ts";

/** Streams groups among groups of other protocols, and their configs. */
export async function streamsNeighbourCases(session: Session, read: string): Promise<void> {
  await otherTypes(session, read);
  await groupConfigs(session, read);
}

async function otherTypes(session: Session, read: string): Promise<void> {
  session.begin("streams groups and others");
  const groupId = session.topic("streams-others");
  await awaitCoordinator(session, groupId);
  const own = [subtopology("0", { sourceTopics: [session.topic(read)] })];
  await commit([session, read], "makes a classic group", 9, { groupId, memberId: "", generationIdOrMemberEpoch: -1 });
  const beat = beatOf(session, groupId, 1);
  const { memberEpoch } = await beat("takes its name", join("m", own));
  const joinGroup = (what: string) =>
    session.ask(what, m.JoinGroup, 5, {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array(0) }],
    });
  await joinGroup("a classic member joins");
  const consumer = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: [session.topic(read)], topicPartitions: [] };
  const joinConsumer = { groupId, memberId: "c", memberEpoch: 0, ...consumer };
  await session.ask("a consumer joins", m.ConsumerGroupHeartbeat, 1, joinConsumer);
  await session.ask("a sharer joins", m.ShareGroupHeartbeat, 1, {
    groupId,
    memberId: "s",
    memberEpoch: 0,
    subscribedTopicNames: [session.topic(read)],
  });
  await session.ask("beats classically", m.Heartbeat, 4, { groupId, generationId: memberEpoch, memberId: "m" });
  await session.ask("leaves classically", m.LeaveGroup, 4, { groupId, members: [{ memberId: "m" }] });
  await session.ask("describes as shared", m.ShareGroupDescribe, 1, { groupIds: [groupId] });
  await beat("leaves", { memberId: "m", memberEpoch: -1 });
  await session.ask("a consumer joins what is empty", m.ConsumerGroupHeartbeat, 1, joinConsumer);
  const classic = await session.tell(m.JoinGroup, 5, {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: "",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array(0) }],
  });
  session.note("a classic member joins what is empty", classic.errorCode);
  const other = session.topic("streams-others-consumer");
  await session.tell(m.ConsumerGroupHeartbeat, 1, { ...joinConsumer, groupId: other });
  await beatOf(session, other, 1)("joins consumers", join("m", own));
  await session.tell(m.ConsumerGroupHeartbeat, 1, { groupId: other, memberId: "c", memberEpoch: -1 });
  await beatOf(session, other, 1)("joins an empty group of consumers", join("m", own));
}

async function groupConfigs(session: Session, read: string): Promise<void> {
  session.begin("streams group configs");
  const groupId = session.topic("streams-configs");
  await awaitCoordinator(session, groupId);
  for (const [name, values] of Object.entries({
    "streams.session.timeout.ms": ["45000", "44999", "60000", "60001"],
    "streams.heartbeat.interval.ms": ["6000", "4999", "15001"],
    "streams.num.standby.replicas": ["0", "2", "3", "-1"],
    "streams.initial.rebalance.delay.ms": ["0", "-1"],
    "streams.assignment.interval.ms": ["0", "15001", "1000"],
    "streams.rack.aware.assignment.tags": ["zone,rack"],
    "streams.assignor.name": ["sticky", "loose"],
  })) {
    for (const value of values) {
      session.note(`${name}=${value}`, await setConfigs(session, groupId, { [name]: value }));
    }
  }
  const own = [subtopology("0", { sourceTopics: [session.topic(read)] })];
  for (const version of [0, 1]) {
    const tags = { clientTags: [{ key: "rack", value: "r" }] };
    await beatOf(session, groupId, version)("joins with too few tags", join(`m${version}`, own, tags));
  }
}
