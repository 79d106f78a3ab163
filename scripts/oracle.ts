/**
 * Asks two brokers the same questions and prints where their answers differ.
 *
 *   npm run oracle -- [--peer HOST:PORT] [--bootstrap HOST:PORT] [--only CASES]
 *
 * The peer is an Apache Kafka, started for it (that needs Java and Maven) where none is named; so is a Kedge. Departures that we mean stand in
 * test/oracle/departures.txt, one question a line, each below a comment that says why; others end with exit code 1.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { missingForApacheKafka, startApacheKafka } from "#bench/peer/apache-kafka.ts";
import { startKedge } from "#test/e2e/kedge.ts";
import { allCases } from "#test/oracle/all-cases.ts";
import { Session } from "#test/oracle/session.ts";

const { values: flags } = parseArgs({
  options: { peer: { type: "string" }, bootstrap: { type: "string" }, only: { type: "string" } },
});
const missing = flags.peer === undefined ? missingForApacheKafka() : null;
if (missing !== null) {
  console.log(`no Apache Kafka to ask: ${missing}`);
  process.exit(0);
}
const ownPeer = flags.peer === undefined ? await startApacheKafka() : null;
const own = flags.bootstrap === undefined ? await startKedge() : null;
const prefix = `o${Date.now().toString(36)}`;
const peer = new Session(ownPeer?.kafka ?? (flags.peer as string), prefix);
const kedge = new Session(own?.kafka ?? (flags.bootstrap as string), prefix);
for (const cases of allCases(flags.only)) await Promise.all([cases(peer), cases(kedge)]);
peer.end();
kedge.end();
await own?.stop();
await ownPeer?.stop();

const departures = new Set(
  readFileSync(new URL("../test/oracle/departures.txt", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#")),
);
const met = new Set<string>();
let same = 0;
let differ = 0;
for (const [at, { question, answer }] of peer.answers.entries()) {
  const ours = kedge.answers[at];
  if (ours.question === question && ours.answer === answer) {
    same += 1;
    continue;
  }
  met.add(question);
  if (departures.has(question)) continue;
  differ += 1;
  console.log(
    `${question}\n  kafka  ${answer}\n  kedge  ${ours.question === question ? ours.answer : `(asked ${ours.question})`}`,
  );
}
const stale = flags.only === undefined ? [...departures].filter((question) => !met.has(question)) : [];
for (const question of stale) console.log(`no departure any more, or no such question: ${question}`);
console.log(`${same} the same, ${differ} different, ${met.size - differ} departures that we mean`);
process.exit(differ + stale.length > 0 ? 1 : 0);
