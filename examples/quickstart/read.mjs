/** Reads the topic with a consumer group of two members, and checks every record against the data set. */
import { setTimeout as sleep } from "node:timers/promises";
import { cities, fail, kafkaClient, keyOf, partitionCount, step, textOf, topic } from "./setup.mjs";

const MEMBERS = 2;
/** Without a record for so long, something is missing. */
const PATIENCE_MS = 20_000;
const groupId = `quickstart-${Date.now()}`;

/** What each key's records must be, in order: a key always lands on the same partition, and a partition keeps order. */
const expected = new Map();
for (const city of cities) {
  const ofKey = expected.get(keyOf(city));
  if (ofKey === undefined) expected.set(keyOf(city), [city]);
  else ofKey.push(city);
}
const seenOfKey = new Map();
/** Next offset of each partition; what comes again after a rebalance lies below. */
const nextOffset = new Map();
const assigned = Array.from({ length: MEMBERS }, () => []);
const counts = Array.from({ length: MEMBERS }, () => 0);
let seen = 0;
let lastSeenMs = Date.now();

function isGroupComplete() {
  return assigned.every((partitions) => partitions.length > 0) && new Set(assigned.flat()).size === partitionCount;
}

function check(member, partition, { key, value, offset }) {
  if (Number(offset) < (nextOffset.get(partition) ?? 0)) return;
  nextOffset.set(partition, Number(offset) + 1);
  const name = key.toString();
  const index = seenOfKey.get(name) ?? 0;
  const city = expected.get(name)?.[index];
  const at = `partition ${partition}, offset ${offset}`;
  if (city === undefined) fail(`${at}: key ${name} has more records than cities; run "npm run load" first`);
  if (value.toString() !== textOf(city)) fail(`${at}: ${value} where ${textOf(city)} should be`);
  seenOfKey.set(name, index + 1);
  counts[member]++;
  seen++;
  lastSeenMs = Date.now();
}

async function join(member) {
  const consumer = kafkaClient(`quickstart-consumer-${member + 1}`).consumer({ groupId, maxWaitTimeInMs: 500 });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assigned[member] = payload.memberAssignment[topic] ?? [];
    console.log(`member ${member + 1} has the partitions ${assigned[member].join(", ") || "none yet"}`);
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachBatch: async ({ batch, heartbeat, resolveOffset, isRunning, isStale }) => {
      // Whoever joined first waits for the other, so that both have a share of the work.
      while (!isGroupComplete()) {
        await heartbeat();
        await sleep(50);
      }
      for (const message of batch.messages) {
        if (!isRunning() || isStale()) return;
        check(member, batch.partition, message);
        resolveOffset(message.offset);
      }
      await heartbeat();
    },
  });
  return consumer;
}

async function read() {
  const consumers = await Promise.all(assigned.map((_, member) => join(member)));
  lastSeenMs = Date.now();
  while (seen < cities.length) {
    if (Date.now() - lastSeenMs > PATIENCE_MS)
      fail(`${seen} of ${cities.length} records came; run "npm run load" first`);
    await sleep(20);
  }
  await Promise.all(consumers.map((consumer) => consumer.disconnect()));
}

try {
  await step(`read by a group of ${MEMBERS}`, cities.length, read);
  for (const [member, count] of counts.entries())
    console.log(`member ${member + 1} read ${count.toLocaleString("en")}`);
  if (counts.includes(0)) fail("one member read nothing");
  console.log(`every record is there once, and the order of all ${expected.size} keys holds`);
} catch (error) {
  fail(`${error.message}; is Kedge running?`);
}
