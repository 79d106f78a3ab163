/**
 * `node test/kernels/fuzz-native.ts [CASES] [SEED] [KIND ...]`: holds the decoders of the kernels against liblz4 and libsnappy, behind
 * bench/compare/native.c, and against the twin in TypeScript, on streams that are sound or damaged; with canaries all around what
 * a decoder may write. Kinds: lz4 (blocks), lz4-frame, snappy (raw blocks), xerial. A million cases of each kind take some minutes, so
 * this is no part of `npm test`, whose fuzz.test.ts has a bounded share. Needs cc, liblz4-dev and libsnappy-dev.
 *
 * `node test/kernels/fuzz-native.ts corpus` writes test/vectors/kernels/damaged.json instead: short streams and what the libraries
 * make of them, which kernels.test.ts holds the kernels against everywhere.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { buildNative } from "#bench/kernels/native.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { isRefusedFrame, isXerial, lz4FrameCase, packedBlocks, xerialCase, xerialChunks } from "./framed-streams.ts";
import { lz4FrameOf } from "./inputs.ts";
import { damage, Judge, Kernels, MAX_BYTES, type Question, random, sample, seedWith } from "./native-judge.ts";

const KINDS = ["lz4", "lz4-frame", "snappy", "xerial"] as const;
type Kind = (typeof KINDS)[number];

const [FIRST = "1000000", SEED = "1", ...WANTED] = process.argv.slice(2);
const IS_CORPUS = FIRST === "corpus";
const CASES = Number(FIRST);
/** How many streams of each kind the corpus has, and how long they may be. */
const CORPUS_CASES = 250;
const CORPUS_BYTES = 120;
const BATCH = 2000;
/** Every so many cases the slow twin is asked. */
const TWIN_EVERY = 4;

interface Case {
  readonly kind: Kind;
  /** What the library is asked; for a frame that is the whole, for xerial nothing, since no library knows it. */
  readonly stream: Uint8Array;
  readonly room: number;
}

function makeCase(kernels: Kernels, kind: Kind): Case {
  if (kind === "lz4-frame") return { kind, ...lz4FrameCase(kernels) };
  if (kind === "xerial") return { kind, ...xerialCase(kernels) };
  const data = sample();
  const packed = kernels.pack(kind, data);
  // Behind the frame's header and the block's length, or behind xerial's header and the chunk's length.
  const bare = kind === "lz4" ? packed.subarray(11, packed.length - 4) : packed.subarray(20);
  const room = random(3) === 0 ? random(MAX_BYTES) : data.length + random(3);
  return { kind, stream: random(8) === 0 ? bare : damage(bare), room };
}

/** What a library says: the bytes it wrote, -1 for a refusal, with the CRC of them; for xerial for each chunk. */
interface Verdict {
  readonly written: number;
  readonly parts: readonly { readonly written: number; readonly crc: number }[];
}

/** The questions that a case comes to. None for a stream that our own look at its outline refuses. */
function questionsOf({ kind, stream, room }: Case): readonly Question[] | null {
  if (kind !== "xerial") return [{ kind, stream, room }];
  if (!isXerial(stream)) return [{ kind: "snappy", stream, room }];
  return xerialChunks(stream)?.map((chunk) => ({ kind: "snappy", stream: chunk, room })) ?? null;
}

async function verdictsOf(judge: Judge, cases: readonly Case[]): Promise<Verdict[]> {
  const asked = cases.map(questionsOf);
  const answers = await judge.ask(asked.flatMap((questions) => questions ?? []));
  let at = 0;
  return asked.map((questions, index): Verdict => {
    const parts = (questions ?? []).map(() => {
      const part = { written: answers.getInt32(at, true), crc: answers.getUint32(at + 4, true) };
      at += 8;
      return part;
    });
    const total = parts.reduce((sum, part) => sum + part.written, 0);
    const isRefused = questions === null || parts.some((part) => part.written < 0) || total > cases[index].room;
    return { written: isRefused ? -1 : total, parts };
  });
}

/** liblz4 takes an offset of 0, which the format forbids. */
function hasZeroOffset(block: Uint8Array): boolean {
  const extended = (at: number): { at: number; length: number } => {
    let length = 15;
    let to = at;
    while (block[to] === 255) length += block[to++];
    return { at: to + 1, length: length + (block[to] ?? 0) };
  };
  for (let at = 0; at < block.length; ) {
    const token = block[at++];
    let literals = token >>> 4;
    if (literals === 15) ({ at, length: literals } = extended(at));
    at += literals;
    if (at + 2 > block.length) return false;
    if (block[at] === 0 && block[at + 1] === 0) return true;
    at += 2;
    if ((token & 15) === 15) ({ at } = extended(at));
  }
  return false;
}

/** Whether the library takes what we refuse on purpose. */
function isMeant({ kind, stream }: Case): boolean {
  if (kind === "lz4") return hasZeroOffset(stream);
  return kind === "lz4-frame" && (isRefusedFrame(stream) || [...packedBlocks(stream)].some(hasZeroOffset));
}

function check(
  kernels: Kernels,
  one: Case,
  theirs: Verdict,
  asksTwin: boolean,
): "both" | "neither" | "ours" | "theirs" {
  const { kind, stream, room } = one;
  const codec = codecOf(kind);
  const wrapped = kind === "lz4" ? lz4FrameOf(stream) : stream;
  const ours = kernels.open(codec, wrapped, room);
  const fail = (what: string): never => {
    throw new Error(`${what}: ${kind} room ${room} ${Buffer.from(stream).toString("hex")}`);
  };
  if (ours.written >= 0 && theirs.written >= 0) {
    if (ours.written !== theirs.written) fail("native code decodes another number of bytes");
    let at = ours.from;
    for (const part of theirs.parts) {
      if (kernels.crcAt(at, part.written) !== part.crc) fail("native code decodes other bytes");
      at += part.written;
    }
  } else if (theirs.written >= 0 && !isMeant(one)) {
    fail("native code accepts what we refuse");
  } else if (ours.written >= 0 && codec === "snappy") {
    fail("native code refuses what we accept");
  }
  if (asksTwin) {
    const twin =
      codec === "lz4"
        ? referenceKernels.lz4Decompress(wrapped, room)
        : referenceKernels.snappyDecompress(wrapped, room);
    if (twin.ok !== ours.written >= 0) fail("the twin disagrees");
    const crc = twin.ok && twin.bytes.length > 0 ? referenceKernels.crc32c(twin.bytes) : 0;
    if (twin.ok && (twin.bytes.length !== ours.written || crc !== ours.crc)) fail("the twin decodes other bytes");
  }
  if (ours.written >= 0) return theirs.written >= 0 ? "both" : "ours";
  return theirs.written >= 0 ? "theirs" : "neither";
}

/** An LZ4 block of no bytes is the end mark of a frame. */
function isNothing({ kind, stream }: Case): boolean {
  return kind === "lz4" && stream.length === 0;
}

async function run(kernels: Kernels, judge: Judge, kind: Kind): Promise<void> {
  const counts = { both: 0, neither: 0, ours: 0, theirs: 0 };
  for (let done = 0; done < CASES; done += BATCH) {
    const cases = Array.from({ length: Math.min(BATCH, CASES - done) }, () => makeCase(kernels, kind));
    const verdicts = await verdictsOf(judge, cases);
    for (const [index, one] of cases.entries()) {
      if (!isNothing(one)) counts[check(kernels, one, verdicts[index], index % TWIN_EVERY === 0)]++;
    }
    if (done % 100_000 === 0) console.log(kind, done, JSON.stringify(counts));
  }
  console.log(`${kind}: ${CASES} cases, seed ${SEED}, accepted by: ${JSON.stringify(counts)}`);
}

async function writeCorpus(kernels: Kernels, judge: Judge): Promise<void> {
  const corpus: object[] = [];
  for (const kind of KINDS) {
    const cases: Case[] = [];
    while (cases.length < CORPUS_CASES) {
      const one = makeCase(kernels, kind);
      if (one.stream.length > 0 && one.stream.length <= CORPUS_BYTES && !isMeant(one)) cases.push(one);
    }
    const verdicts = await verdictsOf(judge, cases);
    for (const [index, one] of cases.entries()) {
      check(kernels, one, verdicts[index], true);
      const { written, crc } = kernels.open(
        codecOf(kind),
        kind === "lz4" ? lz4FrameOf(one.stream) : one.stream,
        one.room,
      );
      const isTaken = verdicts[index].written >= 0;
      const stream = Buffer.from(one.stream).toString("hex");
      corpus.push({ kind, room: one.room, stream, written: isTaken ? written : -1, crc: isTaken ? crc : 0 });
    }
  }
  const lines = corpus.map((one) => JSON.stringify(one)).join(",\n");
  writeFileSync(path.join(import.meta.dirname, "../vectors/kernels/damaged.json"), `[\n${lines}\n]\n`);
}

function codecOf(kind: Kind): "lz4" | "snappy" {
  return kind === "lz4" || kind === "lz4-frame" ? "lz4" : "snappy";
}

const missing = buildNative();
if (missing !== null) throw new Error(missing);
seedWith(Number(SEED));
const kernels = new Kernels();
const judge = new Judge();
if (IS_CORPUS) await writeCorpus(kernels, judge);
else for (const kind of KINDS) if (WANTED.length === 0 || WANTED.includes(kind)) await run(kernels, judge, kind);
judge.stop();
