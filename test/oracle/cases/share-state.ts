import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { createTopic } from "./setup.ts";

const UNKNOWN_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
const ANSWER_RETRIES = 100;
const RETRIABLE = [14, 15, 16];

/** What group coordinators and leaders ask the share coordinator, which is asked here in their place. */
export async function shareStateCases(session: Session): Promise<void> {
  session.begin("share state");
  const topicId = await createTopic(session, "share-state", 2);
  await coordinators(session, topicId);
  for (const version of [0, 1]) await lifeOfAState(session, version, topicId);
  await wrongStates(session, topicId);
}

async function coordinators(session: Session, topicId: string): Promise<void> {
  session.begin("share coordinators");
  await awaitShareCoordinator(session, "g", topicId);
  const keys = [
    `g:${topicId}:0`,
    `g:h:${topicId}:1`,
    `g:${UNKNOWN_TOPIC_ID}:0`,
    `g:${topicId}`,
    `g:${topicId}:x`,
    `g:${topicId}:-1`,
    `:${topicId}:0`,
    "g:bad:0",
    "",
  ];
  for (const key of keys) {
    const answer = await session.tell(m.FindCoordinator, 6, { keyType: 2, coordinatorKeys: [key] });
    session.note(
      `key ${keys.indexOf(key)}`,
      answer.coordinators.map(({ errorCode }) => errorCode),
    );
  }
  for (const version of [3, 5]) {
    const draft = version < 4 ? { key: keys[0], keyType: 2 } : { keyType: 2, coordinatorKeys: [keys[0]] };
    const answer = await session.tell(m.FindCoordinator, version, draft);
    session.note(`old version ${version}`, [answer.errorCode, answer.coordinators?.map(({ errorCode }) => errorCode)]);
  }
}

export async function awaitShareCoordinator(session: Session, groupId: string, topicId: string): Promise<void> {
  for (let attempt = 0; attempt < ANSWER_RETRIES; attempt++) {
    const { coordinators: found } = await session.tell(m.FindCoordinator, 6, {
      keyType: 2,
      coordinatorKeys: [`${groupId}:${topicId}:0`, `${groupId}:${topicId}:1`],
    });
    const { results } = await session.tell(m.ReadShareGroupStateSummary, 0, {
      groupId,
      topics: [{ topicId, partitions: [0, 1].map((partition) => ({ partition, leaderEpoch: -1 })) }],
    });
    const codes = results?.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)) ?? [15];
    if (found.every(({ errorCode }) => errorCode === 0) && !codes.some((code) => RETRIABLE.includes(code))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Asks about partition 0 of the topic unless told otherwise. */
function asking(session: Session, groupId: string, topicId: string) {
  const topics = <T extends object>(more: T) => ({
    groupId,
    topics: [{ topicId, partitions: [{ partition: 0, ...more }] }],
  });
  return {
    initialize: (what: string, stateEpoch: number, startOffset: number) =>
      session.ask(what, m.InitializeShareGroupState, 0, topics({ stateEpoch, startOffset })),
    read: (what: string, leaderEpoch: number) => session.ask(what, m.ReadShareGroupState, 0, topics({ leaderEpoch })),
    write: (what: string, version: number, more: object) =>
      session.ask(
        what,
        m.WriteShareGroupState,
        version,
        topics({ stateEpoch: 1, leaderEpoch: 0, startOffset: 0, stateBatches: [], ...more }),
      ),
    summary: (what: string, version: number) =>
      session.ask(what, m.ReadShareGroupStateSummary, version, topics({ leaderEpoch: 0 })),
    remove: (what: string) => session.ask(what, m.DeleteShareGroupState, 0, topics({})),
  };
}

const batch = (firstOffset: number, lastOffset: number, deliveryState: number, deliveryCount = 1) => ({
  firstOffset,
  lastOffset,
  deliveryState,
  deliveryCount,
});

async function lifeOfAState(session: Session, version: number, topicId: string): Promise<void> {
  session.begin(`share state ${version}`);
  const groupId = session.topic(`share-state-${version}`);
  await awaitShareCoordinator(session, groupId, topicId);
  const { initialize, read, write, summary, remove } = asking(session, groupId, topicId);
  await read("of nothing", 0);
  await summary("of nothing", version);
  await remove("of nothing");
  await write("to nothing", version, { stateEpoch: 0 });
  await initialize("first", 1, 10);
  await summary("initialized", version);
  await read("initialized", 0);
  await initialize("again", 1, 20);
  await initialize("of the past", 0, 30);
  await write("of the past", version, { stateEpoch: 0 });
  await write("of the future", version, { stateEpoch: 7 });
  await write("of batches", version, {
    startOffset: 10,
    deliveryCompleteCount: 3,
    stateBatches: [batch(10, 12, 2), batch(13, 19, 0), batch(25, 29, 4, 5)],
  });
  await read("batches", 0);
  await summary("batches", version);
  await write("of batches across others", version, {
    startOffset: 10,
    deliveryCompleteCount: 6,
    stateBatches: [batch(15, 26, 2, 2), batch(40, 40, 0, 3)],
  });
  await read("across", 0);
  await write("of a later start", version, { startOffset: 17, stateBatches: [], deliveryCompleteCount: 5 });
  await read("later start", 0);
  await write("of an earlier start", version, { startOffset: 11, stateBatches: [batch(11, 11, 0)] });
  await read("earlier start", 0);
  await write("without a start", version, { startOffset: -1, stateBatches: [batch(41, 45, 2)] });
  await read("without a start", 0);
  await read("by a later leader", 3);
  await write("by the former leader", version, { leaderEpoch: 2, startOffset: 17 });
  await read("by the former leader", 2);
  await summary("by the former leader", version);
  await write("by the leader", version, { leaderEpoch: 3, startOffset: 46, deliveryCompleteCount: 0 });
  await read("all done", 3);
  await initialize("anew", 2, 5);
  await summary("anew", version);
  await read("anew", 3);
  await remove("there");
  await remove("gone");
  await summary("gone", version);
}

async function wrongStates(session: Session, topicId: string): Promise<void> {
  session.begin("wrong share states");
  const groupId = session.topic("share-state-wrong");
  await awaitShareCoordinator(session, groupId, topicId);
  for (const [what, one] of Object.entries({
    "unknown topic": asking(session, groupId, UNKNOWN_TOPIC_ID),
    "nameless group": asking(session, "", topicId),
  })) {
    await one.initialize(what, 1, 0);
    await one.read(what, 0);
    await one.write(what, 1, {});
    await one.summary(what, 1);
    await one.remove(what);
  }
  for (const [what, messages] of Object.entries({
    initialize: m.InitializeShareGroupState,
    read: m.ReadShareGroupState,
    write: m.WriteShareGroupState,
    summary: m.ReadShareGroupStateSummary,
    remove: m.DeleteShareGroupState,
  })) {
    const [request, response] = messages as typeof m.DeleteShareGroupState;
    const partitions = [{ partition: 9 }, { partition: 0 }];
    await session.ask(`${what} nothing`, [request, response], 0, { groupId, topics: [] });
    await session.ask(`${what} no partition`, [request, response], 0, {
      groupId,
      topics: [{ topicId, partitions: [] }],
    });
    await session.ask(`${what} beyond the topic`, [request, response], 0, {
      groupId,
      topics: [{ topicId, partitions }],
    });
  }
}
