import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { createTopic } from "./setup.ts";
import { Transactional } from "./transactional.ts";

/** What coordinators of transactions say: to every version that both offer. */
export async function transactionCases(session: Session): Promise<void> {
  session.begin("transactions");
  await createTopic(session, "txn", 3);
  await new Transactional(session, "first").init();
  for (let version = 1; version <= 3; version++) {
    await session.ask("coordinator", m.FindCoordinator, version, { key: session.topic("first"), keyType: 1 });
  }
  for (let version = 4; version <= 6; version++) {
    const draft = { coordinatorKeys: [session.topic("first")], keyType: 1 };
    const { coordinators } = await session.tell(m.FindCoordinator, version, draft);
    session.note(
      `coordinator v${version}`,
      coordinators.map(({ nodeId: _, ...rest }) => rest),
    );
  }
  await initCases(session);
  await addCases(session);
  await endCases(session);
  await endV2Cases(session);
  await fencingCases(session);
  await listCases(session);
}

async function initCases(session: Session): Promise<void> {
  for (let version = 0; version <= 5; version++) {
    const one = new Transactional(session, `init${version}`);
    const { transactionalId } = one;
    const ask = (what: string, draft: { transactionTimeoutMs?: number; producerId?: number; producerEpoch?: number }) =>
      session.ask(what, m.InitProducerId, version, { transactionalId, transactionTimeoutMs: 60_000, ...draft });
    await session.ask("empty id", m.InitProducerId, version, { transactionalId: "", transactionTimeoutMs: 60_000 });
    for (const transactionTimeoutMs of [0, -1, 900_001]) {
      await ask(`timeout ${transactionTimeoutMs}`, { transactionTimeoutMs });
    }
    await one.init(version);
    session.note(`first v${version}`, { producerId: one.producerId, producerEpoch: one.producerEpoch });
    one.adopt(await ask("again", {}));
    if (version < 3) continue;
    const { producerId, producerEpoch } = one;
    await ask("an id without an epoch", { producerId });
    await ask("an epoch without an id", { producerEpoch });
    await ask("an epoch of the future", { producerId, producerEpoch: producerEpoch + 1 });
    await ask("an epoch of the past", { producerId, producerEpoch: producerEpoch - 1 });
    await ask("the id of another", { producerId: producerId + 100_000, producerEpoch });
    await ask("on with the epoch", { producerId, producerEpoch });
    await ask("on with the epoch, again", { producerId, producerEpoch });
    await one.noteState(`resumed v${version}`);
  }
  const stranger = new Transactional(session, "stranger");
  const draft = { transactionTimeoutMs: 60_000, producerId: 4_000_000, producerEpoch: 5 };
  const answer = await session.tell(m.InitProducerId, 5, { transactionalId: stranger.transactionalId, ...draft });
  stranger.adopt(answer);
  session.note("an unknown id that says what it had", answer);
}

async function addCases(session: Session): Promise<void> {
  for (let version = 0; version <= 3; version++) {
    const one = new Transactional(session, `add${version}`);
    await one.init();
    const ask = (what: string, draft: object) =>
      session.ask(what, m.AddPartitionsToTxn, version, { ...one.additionOf("txn", [0]), ...draft });
    await ask("unknown id", { v3AndBelowTransactionalId: session.topic("nobody") });
    await ask("empty id", { v3AndBelowTransactionalId: "" });
    await ask("wrong producer", { v3AndBelowProducerId: one.producerId + 1_000 });
    await ask("old epoch", { v3AndBelowProducerEpoch: -1 });
    await ask("epoch of the future", { v3AndBelowProducerEpoch: 7 });
    await ask("no such topic", { v3AndBelowTopics: [{ name: session.topic("nowhere"), partitions: [0] }] });
    const some = [
      { name: session.topic("txn"), partitions: [0, 9] },
      { name: session.topic("nowhere"), partitions: [1] },
    ];
    await ask("some that exist", { v3AndBelowTopics: some });
    await one.noteState(`nothing added v${version}`);
    await ask("first", {});
    await ask("the same again", {});
    await ask("more", { v3AndBelowTopics: [{ name: session.topic("txn"), partitions: [0, 1, 2] }] });
    await ask("none", { v3AndBelowTopics: [] });
    await one.noteState(`added v${version}`);
    await one.end(false);
    await one.noteState(`aborted v${version}`);
  }
  for (let version = 4; version <= 5; version++) {
    const one = new Transactional(session, `lead${version}`);
    await one.init();
    const ask = (what: string, draft: object) => session.ask(what, m.AddPartitionsToTxn, version, draft);
    await ask("verify before anything", one.additionByLeader("txn", [0], true));
    await ask("add by a leader", one.additionByLeader("txn", [0]));
    await ask("verify", one.additionByLeader("txn", [0, 1], true));
    await ask("verify where there is nothing", one.additionByLeader("nowhere", [0], true));
    one.producerEpoch += 1;
    await ask("verify with another epoch", one.additionByLeader("txn", [0], true));
    await ask("add with another epoch", one.additionByLeader("txn", [0]));
    one.producerEpoch -= 1;
    one.producerId += 1_000;
    await ask("verify with another id", one.additionByLeader("txn", [0], true));
    one.producerId -= 1_000;
    await one.noteState(`led v${version}`);
    await one.end(true, 5);
    await one.noteState(`led and ended v${version}`);
  }
}

async function endCases(session: Session): Promise<void> {
  for (let version = 0; version <= 4; version++) {
    const one = new Transactional(session, `end${version}`);
    await one.init();
    const ask = (what: string, committed: boolean, draft: object = {}) =>
      session.ask(what, m.EndTxn, version, { ...one.identity, committed, ...draft });
    await ask("unknown id", true, { transactionalId: session.topic("nobody") });
    await ask("empty id", true, { transactionalId: "" });
    await ask("commit nothing", true);
    await ask("abort nothing", false);
    for (const committed of [true, false]) {
      await one.add("txn", [0, 1]);
      await ask("wrong producer", committed, { producerId: one.producerId + 1_000 });
      await ask("old epoch", committed, { producerEpoch: -1 });
      await ask("epoch of the future", committed, { producerEpoch: 9 });
      await ask(committed ? "commit" : "abort", committed);
      await one.settled();
      await ask(committed ? "commit again" : "abort again", committed);
      await ask(committed ? "abort what is committed" : "commit what is aborted", !committed);
      await one.noteState(`ended v${version}`);
    }
  }
}

async function endV2Cases(session: Session): Promise<void> {
  const one = new Transactional(session, "endV2");
  await one.init();
  const ask = async (what: string, committed: boolean, draft: object = {}) => {
    const answer = await session.ask(what, m.EndTxn, 5, { ...one.identity, committed, ...draft });
    await one.settled();
    return answer;
  };
  await ask("commit nothing", true);
  await ask("abort nothing, wrong epoch", false, { producerEpoch: 3 });
  one.adopt(await ask("abort nothing", false));
  await one.noteState("nothing aborted");
  for (const committed of [true, false]) {
    await session.tell(m.AddPartitionsToTxn, 5, one.additionByLeader("txn", [0, 1]));
    await one.noteState("open");
    await ask("wrong producer", committed, { producerId: one.producerId + 1_000 });
    await ask("epoch of the future", committed, { producerEpoch: one.producerEpoch + 1 });
    const before = { producerEpoch: one.producerEpoch };
    one.adopt(await ask("end", committed));
    await one.noteState("ended");
    await ask("the same again", committed, before);
    await ask("the other way", !committed, before);
    await ask("an epoch before", committed, { producerEpoch: before.producerEpoch - 1 });
    await ask("commit with the new epoch", true);
  }
  one.adopt(await ask("abort with the new epoch", false));
  await one.noteState("aborted once more");
  await session.ask("an old client's commit", m.EndTxn, 4, { ...one.identity, committed: true });
  await session.ask("an old client's abort", m.EndTxn, 4, { ...one.identity, committed: false });
  await session.tell(m.AddPartitionsToTxn, 3, one.additionOf("txn", [0]));
  await session.ask("an old client ends", m.EndTxn, 4, { ...one.identity, committed: true });
  await one.settled();
  await one.noteState("an old client");
}

async function fencingCases(session: Session): Promise<void> {
  const [zombie, successor] = [new Transactional(session, "fence"), new Transactional(session, "fence")];
  await zombie.init();
  await zombie.add("txn");
  await session.ask("a second producer", m.InitProducerId, 5, {
    transactionalId: successor.transactionalId,
    transactionTimeoutMs: 60_000,
  });
  await successor.settled();
  await successor.noteState("fenced");
  await successor.init();
  for (const version of [0, 1, 2, 3]) {
    await session.ask("a zombie adds", m.AddPartitionsToTxn, version, zombie.additionOf("txn", [1]));
  }
  for (const version of [0, 1, 2, 3, 4, 5]) {
    await session.ask("a zombie ends", m.EndTxn, version, { ...zombie.identity, committed: true });
  }
  for (const version of [0, 1, 2, 3, 4]) {
    const draft = { ...zombie.identity, groupId: session.topic("group") };
    await session.ask("a zombie adds offsets", m.AddOffsetsToTxn, version, draft);
  }
  for (const version of [3, 4, 5]) {
    const { transactionalId, producerId, producerEpoch } = zombie;
    const draft = { transactionalId, transactionTimeoutMs: 60_000, producerId, producerEpoch };
    await session.ask("a zombie wants to go on", m.InitProducerId, version, draft);
  }
}

async function listCases(session: Session): Promise<void> {
  const one = new Transactional(session, "listed");
  await one.init();
  await one.add("txn");
  const list = async (what: string, version: number, draft: object) => {
    const answer = await session.tell(m.ListTransactions, version, {
      stateFilters: [],
      producerIdFilters: [],
      ...draft,
    });
    const states = answer.transactionStates
      .filter(({ transactionalId }) => transactionalId.startsWith(session.topic("")))
      .sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
    session.note(`${what} v${version}`, { ...answer, transactionStates: states });
  };
  for (const version of [0, 1, 2]) {
    await list("all", version, {});
    await list("ongoing", version, { stateFilters: ["Ongoing"] });
    await list("two states and none", version, { stateFilters: ["Ongoing", "Empty", "Asleep"] });
    await list("of a producer", version, { producerIdFilters: [one.producerId] });
    await list("of nobody", version, { producerIdFilters: [987_654_321] });
  }
  for (const transactionalIdPattern of ["", ".*add.", "add.", ".*listed", "["]) {
    await list(`by pattern ${transactionalIdPattern}`, 2, { transactionalIdPattern });
  }
  await list("long ago", 1, { durationFilter: 3_600_000 });
  await list("that began", 1, { durationFilter: 0, stateFilters: ["Ongoing"] });
  const others = { transactionalIds: [session.topic("nobody"), ""] };
  const { transactionStates } = await session.tell(m.DescribeTransactions, 0, others);
  session.note(
    "describe others",
    transactionStates.map(({ producerId: _, ...rest }) => rest),
  );
  await one.end(false);
}
