/**
 * kcat (librdkafka 2.0 in Debian) as a client: records in by `-P`, out by `-C`, compared byte for byte. Its scenarios run in
 * `npm run test:clients` and, where kcat is installed, in `npm test`.
 */
import { spawn, spawnSync } from "node:child_process";
import { PARTITIONS, type WireRecord } from "../clients/records.ts";

export const KCAT_CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];

const RUN_TIMEOUT_MS = 60_000;
const RECORD_DELIMITER = "\x1e";
const KEY_DELIMITER = "\x1f";
/** Metadata first, sizes included, so that any byte may stand in key and value. */
const DUMP_FORMAT = "%p %o %T %K %S %h\\n%k%s\\n";

/** Why kcat can't run here, or null where it can. */
export function missingForKcat(): string | null {
  return spawnSync("kcat", ["-V"]).status === 0 ? null : "kcat is not installed (Debian package kcat)";
}

/** Produces keyed records with headers in one codec and reads them back: bytes, order, headers and timestamps agree. */
export async function kcatRoundTrip(bootstrap: string, topic: string, codec: string): Promise<void> {
  const pairs = Array.from({ length: 200 }, (_, index) => [
    `schlüssel-${index}`,
    `wert ${index} 🚲 `.repeat(1 + (index % 40)),
  ]);
  const input = pairs.map(([key, value]) => `${key}${KEY_DELIMITER}${value}${RECORD_DELIMITER}`).join("");
  const headers = ["-H", "source=kcat", "-H", "größe=übergroß"];
  const before = Date.now();
  // -p 0: one partition holds the order of all. librdkafka creates the topic by asking for its metadata.
  const produce = ["-P", "-b", bootstrap, "-t", topic, "-p", "0", "-z", codec, ...headers];
  await kcat([...produce, "-D", "\\x1e", "-K", "\\x1f", "-X", "linger.ms=50", "-X", "acks=all"], input);
  const after = Date.now();

  const dump = await dumpPartition(bootstrap, topic, 0);
  const timestamps = [...dump.toString().matchAll(/^0 (\d+) (\d+) \d+ \d+ source=kcat/gm)].map((match) =>
    Number(match[2]),
  );
  if (timestamps.length !== pairs.length) throw new Error(`kcat read ${timestamps.length} of ${pairs.length} records`);
  const outside = timestamps.find((timestamp) => timestamp < before || timestamp > after);
  if (outside !== undefined) throw new Error(`timestamp ${outside} is not between ${before} and ${after}`);
  const expected = pairs.map(([key, value], offset) => {
    const sizes = `${Buffer.byteLength(key)} ${Buffer.byteLength(value)}`;
    return `0 ${offset} ${timestamps[offset]} ${sizes} source=kcat,größe=übergroß\n${key}${value}\n`;
  });
  assertBytes(dump, Buffer.from(expected.join("")), `${topic} written with ${codec}`);

  const again = await kcat(["-C", "-q", "-e", "-b", bootstrap, "-t", topic, "-o", "beginning", "-J"]);
  const second = again
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { ts: number });
  if (second.some((record, index) => record.ts !== timestamps[index]))
    throw new Error("a second read has other timestamps");
}

/** Reads a topic that another client wrote with the shared records. */
export async function kcatRead(bootstrap: string, topic: string, records: readonly WireRecord[]): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const own = records.filter((record) => record.partition === partition);
    const expected = Buffer.concat(own.map(dumpOf));
    assertBytes(await dumpPartition(bootstrap, topic, partition), expected, `${topic} partition ${partition}`);
  }
}

function dumpPartition(bootstrap: string, topic: string, partition: number): Promise<Buffer> {
  const from = ["-C", "-q", "-e", "-b", bootstrap, "-t", topic, "-p", `${partition}`, "-o", "beginning"];
  return kcat([...from, "-f", DUMP_FORMAT]);
}

/** What kcat prints for a record in DUMP_FORMAT: size -1 and no bytes for null. */
function dumpOf(record: WireRecord, offset: number): Buffer {
  const key = record.key === null ? null : Buffer.from(record.key, "base64");
  const value = record.value === null ? null : Buffer.from(record.value, "base64");
  const headers = record.headers.map(([name, data]) => Buffer.concat([Buffer.from(`${name}=`), upToNul(data)]));
  const separated = headers.flatMap((header, index) => (index === 0 ? [header] : [Buffer.from(","), header]));
  const sizes = `${key === null ? -1 : key.length} ${value === null ? -1 : value.length}`;
  const head = Buffer.from(`${record.partition} ${offset} ${record.timestampMs} ${sizes} `);
  const end = Buffer.from("\n");
  return Buffer.concat([head, ...separated, end, key ?? Buffer.alloc(0), value ?? Buffer.alloc(0), end]);
}

/** kcat prints a header's value as a C string, up to the first zero byte. */
function upToNul(data: string): Buffer {
  const bytes = Buffer.from(data, "base64");
  const nul = bytes.indexOf(0);
  return nul === -1 ? bytes : bytes.subarray(0, nul);
}

function assertBytes(actual: Buffer, expected: Buffer, what: string): void {
  if (actual.equals(expected)) return;
  let at = 0;
  while (at < actual.length && actual[at] === expected[at]) at++;
  const show = (bytes: Buffer): string => JSON.stringify(bytes.subarray(Math.max(0, at - 40), at + 80).toString());
  throw new Error(
    `${what} differs at byte ${at} of ${expected.length} (got ${actual.length}): got ${show(actual)}, expected ${show(expected)}`,
  );
}

function kcat(options: readonly string[], input = ""): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn("kcat", options, { timeout: RUN_TIMEOUT_MS, killSignal: "SIGKILL" });
    const output: Buffer[] = [];
    let complaint = "";
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-4000);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve(Buffer.concat(output));
      else reject(new Error(`kcat ${options.join(" ")} ended with ${code ?? signal}: ${complaint}`));
    });
    child.stdin.end(input);
  });
}
