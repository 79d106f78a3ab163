/**
 * `npm run tools`: the console tools of Apache Kafka (from Maven Central, 4.3.1: 4.4 has no tools there yet) go through one script of operations
 * (test/tools/steps.txt) on an Apache Kafka 4.4 and on Kedge, and what they print is compared: all but the sentences of error messages, which are
 * ours, what differs from run to run (ids, times), and Java's stack traces. Differences that are meant stand, with the reason, in
 * test/tools/departures.txt; any other one, and one that is no longer there, fails. `--verbose` prints every step.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { missingForApacheKafka, startApacheKafka } from "#bench/peer/apache-kafka.ts";
import { startKedge } from "#test/e2e/kedge.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const TOOLS = path.join(ROOT, "test/tools");
const LIBS = path.join(ROOT, "build/tools/libs");

const { values: options } = parseArgs({ options: { verbose: { type: "boolean", default: false } } });

interface Answer {
  readonly output: readonly string[];
  readonly exit: number;
}

function linesOf(file: string): string[] {
  return readFileSync(path.join(TOOLS, file), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function install(): void {
  // The last one that was added to the manifest: a directory of before is brought up to date.
  if (existsSync(LIBS) && readdirSync(LIBS).some((name) => name.startsWith("kafka-streams-"))) return;
  mkdirSync(LIBS, { recursive: true });
  const args = [
    "-q",
    "-B",
    "-f",
    path.join(TOOLS, "pom.xml"),
    "dependency:copy-dependencies",
    `-DoutputDirectory=${LIBS}`,
  ];
  const result = spawnSync("mvn", args, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`mvn could not fetch the tools:\n${result.stdout}${result.stderr}`);
}

/** A word may hold spaces only in braces, as JSON does. */
function wordsOf(step: string): string {
  return (step.match(/\{.*\}|\S+/g) ?? []).join("\t");
}

/** Runs all steps against one broker; what is said differently from run to run is named by what it is. */
async function run(bootstrap: string, steps: readonly string[]): Promise<Answer[]> {
  const java = spawn("java", ["-cp", `${LIBS}/*`, path.join(TOOLS, "ConsoleTools.java"), bootstrap], {
    cwd: ROOT,
    stdio: ["pipe", "pipe", "inherit"],
  });
  java.stdin.end(`${steps.map(wordsOf).join("\n")}\n`);
  let text = "";
  for await (const chunk of java.stdout.setEncoding("utf8")) text += chunk;
  const answers: Answer[] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  if (answers.length !== steps.length) throw new Error(`${answers.length} answers to ${steps.length} steps`);
  return answers.map(({ output, exit }) => ({ exit, output: named(output, bootstrap) }));
}

function named(output: readonly string[], bootstrap: string): string[] {
  const lines = output.filter((line) => !/^\s+at |^\t?\.\.\. \d+ more/.test(line));
  return lines.map((line) =>
    line
      .replace(/^(.*(?:Error|Exception|Caused by)\b[^:]*: ?(?:[\w.]+(?:Exception|Error): ?)*).*$/, "$1<sentence>")
      .replace(/\s+/g, " ")
      .replaceAll(bootstrap, "HOST:PORT")
      .replace(/(TopicId: )[\w-]{22}/g, "$1TOPIC-ID")
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UUID")
      .replace(/\b[\w-]{21}[AQgw]\b/g, "UUID22")
      .replace(/\[?20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]\d+Z?\]?/g, "TIME")
      .replace(/\b1[789]\d{11}( \d+)?\b/g, "MS")
      .trim(),
  );
}

function shown({ output, exit }: Answer): string {
  return `${output.map((line) => `    ${line}\n`).join("")}    (exit code ${exit})`;
}

const missing = missingForApacheKafka();
if (missing !== null) {
  console.log(`skipped: ${missing}`);
  process.exit(0);
}
install();
const steps = linesOf("steps.txt");
const [kafka, kedge] = await Promise.all([startApacheKafka(), startKedge()]);
const meant = new Map(linesOf("departures.txt").map((line) => line.split(" # ") as [string, string]));
let different = 0;
try {
  const expected = await run(kafka.kafka, steps);
  const actual = await run(kedge.kafka, steps);
  for (const [index, step] of steps.entries()) {
    const isSame = JSON.stringify(expected[index]) === JSON.stringify(actual[index]);
    const reason = meant.get(step);
    if (options.verbose) console.log(`${isSame ? "same" : "DIFFERENT"}: ${step}\n${shown(expected[index] as Answer)}`);
    if (isSame === (reason === undefined)) continue;
    different += 1;
    if (isSame) console.log(`no longer different: ${step} # ${reason}`);
    else
      console.log(
        `${step}\n  Kafka:\n${shown(expected[index] as Answer)}\n  Kedge:\n${shown(actual[index] as Answer)}`,
      );
  }
} finally {
  await Promise.all([kafka.stop(), kedge.stop()]);
}
console.log(`${steps.length} steps, ${different} different, ${meant.size} departures that are meant`);
process.exitCode = different === 0 ? 0 : 1;
