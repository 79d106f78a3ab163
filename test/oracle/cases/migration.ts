import { ConsumerProtocolSubscription, encodeConsumerProtocol } from "#protocol/stored/consumer-protocol.ts";
import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { ASSIGNMENT_INTERVAL_MS, described, join, pause } from "./consumer-groups.ts";
import { awaitCoordinator, createTopic } from "./setup.ts";

/** Members of the classic and of the consumer protocol in one group. */
export async function migrationCases(session: Session): Promise<void> {
  session.begin("migration");
  await createTopic(session, "migrated", 4);
  await classicJoinsConsumer(session);
  await consumerJoinsClassic(session);
}

function classicJoin(groupId: string, memberId: string, topics: readonly string[], owned: object[] = []) {
  const metadata = encodeConsumerProtocol(
    ConsumerProtocolSubscription,
    { topics: [...topics], ownedPartitions: owned, userData: null },
    1,
  );
  return {
    groupId,
    memberId,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Buffer.from(metadata) }],
  };
}

async function classicJoinsConsumer(session: Session): Promise<void> {
  session.begin("classic joins consumer");
  const groupId = session.topic("consumer-mixed");
  const topic = session.topic("migrated");
  await awaitCoordinator(session, groupId);
  const beat = (what: string, draft: object) => session.ask(what, m.ConsumerGroupHeartbeat, 1, { groupId, ...draft });
  await beat("a joins", join(groupId, "a", [topic]));
  await pause(ASSIGNMENT_INTERVAL_MS);
  const required = await session.tell(m.JoinGroup, 9, classicJoin(groupId, "", [topic]));
  session.call("memberId", required.memberId, "the classic one");
  session.note("classic gets an id", required);
  const { memberId } = required;
  const joined = await session.ask("classic joins", m.JoinGroup, 9, classicJoin(groupId, memberId, [topic]));
  const protocol = { protocolType: "consumer", protocolName: "range", assignments: [] };
  const who = { groupId, memberId, generationId: joined.generationId };
  await session.ask("classic syncs", m.SyncGroup, 5, { ...who, ...protocol });
  await session.ask("classic beats", m.Heartbeat, 4, who);
  await session.ask("classic beats amiss", m.Heartbeat, 4, { ...who, generationId: 77 });
  await session.ask("classic syncs amiss", m.SyncGroup, 5, { ...who, ...protocol, protocolName: "sticky" });
  await session.ask("a beats as a classic one", m.Heartbeat, 4, { groupId, memberId: "a", generationId: 2 });
  await session.ask("another type joins", m.JoinGroup, 3, {
    ...classicJoin(groupId, "", [topic]),
    protocolType: "connect",
  });
  await session.ask("garbage joins", m.JoinGroup, 3, {
    ...classicJoin(groupId, "", [topic]),
    protocols: [{ name: "range", metadata: Buffer.from("") }],
  });
  const topicId = (await session.tell(m.Metadata, 12, { topics: [{ name: topic }] })).topics[0].topicId;
  await beat("a is told", { memberId: "a", memberEpoch: 2, topicPartitions: [{ topicId, partitions: [0, 1, 2, 3] }] });
  await beat("a gives back", { memberId: "a", memberEpoch: 2, topicPartitions: [{ topicId, partitions: [0, 1] }] });
  await session.ask("classic hears of it", m.Heartbeat, 4, who);
  const again = await session.ask("classic joins again", m.JoinGroup, 9, classicJoin(groupId, memberId, [topic]));
  await session.ask("classic syncs again", m.SyncGroup, 5, { ...who, generationId: again.generationId, ...protocol });
  await described(session, 1, groupId);
  await beat("a leaves", { memberId: "a", memberEpoch: -1 });
  const { groups } = await session.tell(m.DescribeGroups, 5, { groups: [groupId] });
  session.note(
    "state after a has left",
    groups.map(({ groupState, protocolType }) => ({ groupState, protocolType })),
  );
  await session.ask("classic hears of the downgrade", m.Heartbeat, 4, { ...who, generationId: again.generationId + 1 });
  await session.ask("classic leaves", m.LeaveGroup, 4, { groupId, members: [{ memberId }] });
}

async function consumerJoinsClassic(session: Session): Promise<void> {
  session.begin("consumer joins classic");
  const groupId = session.topic("classic-mixed");
  const topic = session.topic("migrated");
  await awaitCoordinator(session, groupId);
  const joined = await session.tell(m.JoinGroup, 3, classicJoin(groupId, "", [topic]));
  const { memberId, generationId } = joined;
  session.call("memberId", memberId, "the classic one");
  const who = { groupId, memberId, generationId };
  await session.tell(m.SyncGroup, 3, {
    ...who,
    assignments: [{ memberId, assignment: Buffer.from("0001000000010000", "hex").subarray(0, 0) }],
  });
  await session.ask("upgrade", m.ConsumerGroupHeartbeat, 1, join(groupId, "a", [topic]));
  await session.ask("classic hears of it", m.Heartbeat, 4, who);
  const again = await session.ask("classic joins again", m.JoinGroup, 9, classicJoin(groupId, memberId, [topic]));
  await session.ask("classic syncs", m.SyncGroup, 5, {
    ...who,
    generationId: again.generationId,
    protocolType: "consumer",
    protocolName: "range",
    assignments: [],
  });
  const other = session.topic("classic-connect");
  await awaitCoordinator(session, other);
  await session.tell(m.JoinGroup, 3, { ...classicJoin(other, "", [topic]), protocolType: "connect" });
  await session.ask("no consumers", m.ConsumerGroupHeartbeat, 1, join(other, "a", [topic]));
}
