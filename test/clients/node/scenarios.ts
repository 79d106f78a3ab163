/**
 * The scenarios of test/clients/README.md for clients that run in Node. `runScenario` throws with what differed; the same code
 * runs in `npm test` (vitest) and in `npm run test:clients`.
 */
import { deepStrictEqual } from "node:assert";
import { PARTITIONS, type WireRecord } from "../records.ts";
import { type ClientUnderTest, type Codec, FETCH_WAIT_MS, type GroupMember, type ReadRecord } from "./client.ts";

const GROUP_PARTITIONS = 4;
const SETTLE_TIMEOUT_MS = 30_000;

export interface Run {
  readonly client: ClientUnderTest;
  /** Begins every topic and group name, so that runs never meet. */
  readonly prefix: string;
  readonly records: readonly WireRecord[];
}

type Scenario = (run: Run) => Promise<void>;

export function scenariosOf(client: ClientUnderTest): string[] {
  return [...client.codecs.map((codec) => `codec-${codec}`), "idempotent", "offsets", "group", "admin"];
}

export async function runScenario(name: string, run: Run): Promise<void> {
  if (name.startsWith("codec-")) return await codecRoundTrip(run, name.slice("codec-".length) as Codec);
  const scenario = SCENARIOS[name];
  if (scenario === undefined) throw new Error(`no scenario named ${name}`);
  await scenario(run);
}

/** Reads a topic that another client wrote with the same records. */
export async function readWrittenByOther(run: Run, topic: string): Promise<void> {
  assertSame(await run.client.read(topic, run.records.length), run.records);
}

async function codecRoundTrip(run: Run, codec: Codec): Promise<void> {
  const topic = `${run.prefix}-codec-${codec}`;
  await createReady(run, topic, PARTITIONS);
  await run.client.produce(topic, run.records, { codec, idempotent: false, chunk: 60 });
  assertSame(await run.client.read(topic, run.records.length), run.records);
}

async function idempotent(run: Run): Promise<void> {
  const topic = `${run.prefix}-idempotent`;
  await createReady(run, topic, PARTITIONS);
  await run.client.produce(topic, run.records, { codec: "none", idempotent: true, chunk: 12 });
  assertSame(await run.client.read(topic, run.records.length), run.records);
}

async function offsets(run: Run): Promise<void> {
  const topic = `${run.prefix}-offsets`;
  await createReady(run, topic, PARTITIONS);
  await run.client.produce(topic, run.records, { codec: "gzip", idempotent: false, chunk: 60 });
  const perPartition = run.records.length / PARTITIONS;
  deepStrictEqual(await run.client.offsets(topic, "earliest"), [0, 0, 0], "start");
  deepStrictEqual(await run.client.offsets(topic, "latest"), [perPartition, perPartition, perPartition], "end");
  const at = run.records[100].timestampMs;
  const expected = [0, 1, 2].map((partition) => {
    const own = run.records.filter((record) => record.partition === partition);
    return own.findIndex((record) => record.timestampMs >= at);
  });
  deepStrictEqual(await run.client.offsets(topic, at), expected, "by timestamp");
}

/** Two members share the partitions, one leaves and the other takes over, and a later member resumes from what was committed. */
async function group(run: Run): Promise<void> {
  const topic = `${run.prefix}-group`;
  const groupId = `${run.prefix}-group`;
  const all = [0, 1, 2, 3];
  await createReady(run, topic, GROUP_PARTITIONS);
  await produceNumbered(run, topic, 0, 80);

  const members: GroupMember[] = [];
  const join = async (): Promise<GroupMember> => {
    const member = await run.client.join(groupId, topic);
    members.push(member);
    return member;
  };
  try {
    const first = await join();
    await settle(() => deepStrictEqual(first.assignment(), all, "a lone member holds every partition"));
    await settle(() => deepStrictEqual(first.seen.toSorted(), expectedSeen(0, 80), "what the first member read"));
    await first.commit();

    const second = await join();
    await settle(() => {
      deepStrictEqual(
        [...first.assignment(), ...second.assignment()].toSorted(),
        all,
        "two members cover every partition once",
      );
      deepStrictEqual([first.assignment().length, second.assignment().length], [2, 2], "two members share evenly");
    });
    // @platformatic/kafka hands out what a fetch from before the rebalance brings, also of partitions given away: let it end.
    await pause(3 * FETCH_WAIT_MS);
    await produceNumbered(run, topic, 80, 80);
    await settle(() => deepStrictEqual(bothSaw(first, second), expectedSeen(0, 160), "what both members read"));
    await first.commit();
    await second.commit();

    await first.close();
    await settle(() => deepStrictEqual(second.assignment(), all, "the member that stays takes over"));
    await produceNumbered(run, topic, 160, 80);
    await settle(() =>
      deepStrictEqual(bothSaw(first, second), expectedSeen(0, 240), "what was read after the take-over"),
    );
    await second.commit();
    await second.close();

    const third = await join();
    await produceNumbered(run, topic, 240, 40);
    await settle(() =>
      deepStrictEqual(third.seen.toSorted(), expectedSeen(240, 40), "a later member resumes where they ended"),
    );
    await third.close();
  } finally {
    await Promise.allSettled(members.map((member) => member.close()));
  }
}

async function admin(run: Run): Promise<void> {
  const topic = `${run.prefix}-admin`;
  await run.client.createTopic(topic, 2, { "retention.ms": "1234567" });
  await settle(async () => {
    deepStrictEqual((await run.client.listTopics()).includes(topic), true, "a new topic is listed");
    deepStrictEqual(await run.client.describeTopic(topic), { partitions: 2, led: 2 });
  });
  deepStrictEqual(await run.client.topicConfig(topic, "retention.ms"), "1234567", "a config given at creation");
  deepStrictEqual(await run.client.topicConfig(topic, "cleanup.policy"), "delete", "a config left at its default");
  await run.client.growTopic(topic, 5);
  await settle(async () => deepStrictEqual(await run.client.describeTopic(topic), { partitions: 5, led: 5 }));
  await run.client.deleteTopic(topic);
  await settle(async () =>
    deepStrictEqual((await run.client.listTopics()).includes(topic), false, "a deleted topic is gone"),
  );
}

const SCENARIOS: Record<string, Scenario> = { idempotent, offsets, group, admin };

/**
 * Kafka answers CreateTopics before the broker leads every new partition; ListOffsets tells when it does. Without the wait a
 * client that isn't idempotent may send a whole request again for the one partition that failed, and that is its own affair.
 */
async function createReady(run: Run, topic: string, partitions: number): Promise<void> {
  await run.client.createTopic(topic, partitions);
  await settle(async () => {
    const ends = await run.client.offsets(topic, "latest");
    deepStrictEqual(
      ends,
      Array.from({ length: partitions }, () => 0),
      "end offsets of a new topic",
    );
  });
}

async function produceNumbered(run: Run, topic: string, from: number, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, index) => ({
    partition: (from + index) % GROUP_PARTITIONS,
    timestampMs: Date.now(),
    key: Buffer.from(`k${from + index}`).toString("base64"),
    value: Buffer.from(`v${from + index}`).toString("base64"),
    headers: [],
  }));
  await run.client.produce(topic, records, { codec: "none", idempotent: false, chunk: count });
}

function expectedSeen(from: number, count: number): string[] {
  const seen = Array.from({ length: count }, (_, index) => {
    const number = from + index;
    return `${number % GROUP_PARTITIONS}/${Math.floor(number / GROUP_PARTITIONS)}`;
  });
  return seen.toSorted();
}

function bothSaw(first: GroupMember, second: GroupMember): string[] {
  return [...first.seen, ...second.seen].toSorted();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Repeats a check until it holds; at the deadline the check's own error tells what differed. */
async function settle(check: () => void | Promise<void>): Promise<void> {
  const deadline = Date.now() + SETTLE_TIMEOUT_MS;
  while (true) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(50);
    }
  }
}

/** Every partition holds its records in order from offset 0, byte for byte. */
function assertSame(read: readonly ReadRecord[], written: readonly WireRecord[]): void {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const expected = written.filter((record) => record.partition === partition);
    const actual = read.filter((record) => record.partition === partition).toSorted((a, b) => a.offset - b.offset);
    for (const [index, record] of expected.entries()) {
      deepStrictEqual(actual[index], { ...record, offset: index }, `partition ${partition}, offset ${index}`);
    }
    deepStrictEqual(actual.length, expected.length, `records of partition ${partition}`);
  }
}
