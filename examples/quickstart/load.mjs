/** Creates the topic and loads the data set: the first part by HTTP, the rest by a Kafka client. */
import { Partitioners } from "kafkajs";
import { cities, fail, httpUrl, kafkaClient, keyOf, partitionCount, step, textOf, topic } from "./setup.mjs";

/** How many records go by HTTP; the others follow by Kafka. */
const HTTP_RECORDS = 40_000;
const RECORDS_PER_REQUEST = 2_000;
const RECORDS_PER_SEND = 5_000;

async function recreateTopic() {
  const admin = kafkaClient("quickstart-admin").admin();
  await admin.connect();
  const existing = await admin.listTopics();
  if (existing.includes(topic)) await admin.deleteTopics({ topics: [topic] });
  await admin.createTopics({ topics: [{ topic, numPartitions: partitionCount }], waitForLeaders: true });
  await admin.disconnect();
  console.log(`topic ${topic} with ${partitionCount} partitions`);
}

/** One request after the other, so that the order of the file is the order of the log. */
async function loadByHttp(part) {
  for (let at = 0; at < part.length; at += RECORDS_PER_REQUEST) {
    const records = part.slice(at, at + RECORDS_PER_REQUEST).map((city) => ({ key: city.country, value: city }));
    const response = await fetch(`${httpUrl}/topics/${topic}`, {
      method: "POST",
      headers: { "content-type": "application/vnd.kafka.json.v2+json" },
      body: JSON.stringify({ records }),
    });
    const answer = await response.json();
    if (!response.ok) fail(`HTTP ${response.status}: ${answer.message}`);
    const refused = answer.offsets.find(({ error }) => error !== null);
    if (refused !== undefined) fail(`a record was refused: ${refused.error}`);
  }
}

async function loadByKafka(part) {
  const producer = kafkaClient("quickstart-producer").producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  for (let at = 0; at < part.length; at += RECORDS_PER_SEND) {
    const messages = part.slice(at, at + RECORDS_PER_SEND).map((city) => ({ key: keyOf(city), value: textOf(city) }));
    await producer.send({ topic, messages, acks: -1 });
  }
  await producer.disconnect();
}

try {
  await recreateTopic();
  const byHttp = cities.slice(0, HTTP_RECORDS);
  const byKafka = cities.slice(HTTP_RECORDS);
  await step("loaded by HTTP", byHttp.length, () => loadByHttp(byHttp));
  await step("loaded by Kafka", byKafka.length, () => loadByKafka(byKafka));
} catch (error) {
  fail(`${error.message}${error.cause ? ` (${error.cause.message})` : ""}; is Kedge running?`);
}
