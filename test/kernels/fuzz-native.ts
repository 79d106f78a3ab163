/**
 * `node test/kernels/fuzz-native.ts [CASES] [SEED]`: holds the decoders of the kernels against liblz4 and libsnappy, behind
 * bench/compare/native.c, and against the twin in TypeScript, on streams that are sound or damaged; with canaries all around what
 * a decoder may write. A million cases of each kind take some minutes, so this is no part of `npm test`, whose fuzz.test.ts has a
 * bounded share. Needs cc, liblz4-dev and libsnappy-dev.
 *
 * `node test/kernels/fuzz-native.ts corpus` writes test/vectors/kernels/damaged.json instead: short streams and what the libraries
 * make of them, which kernels.test.ts holds the kernels against everywhere.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { buildNative, nativeProgram } from "#bench/kernels/native.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { concat, lz4FrameOf, noise, TEXT } from "./inputs.ts";

const isCorpus = process.argv[2] === "corpus";
const CASES = isCorpus ? 0 : Number(process.argv[2] ?? 1_000_000);
/** How many streams of each kind the corpus has, and how long they may be. */
const CORPUS_CASES = 250;
const CORPUS_BYTES = 90;
const SEED = Number(process.argv[3] ?? 1);
const BATCH = 2000;
const MAX_BYTES = 3000;
const SLACK_BYTES = 64;
const MARGIN_BYTES = 512;
/** Every so many cases the canaries are looked at and the slow twin is asked. */
const TWIN_EVERY = 4;

interface Exports {
  readonly memory: WebAssembly.Memory;
  arenaStart(): number;
  crc32c(seed: number, from: number, length: number): number;
  lz4Compress(from: number, length: number, to: number): number;
  lz4Measure(from: number, length: number, maxBytes: number): number;
  lz4Decompress(from: number, to: number, room: number, maxBytes: number): number;
  snappyCompress(from: number, length: number, to: number): number;
  snappyMeasure(from: number, length: number, maxBytes: number): number;
  snappyDecompress(from: number, length: number, to: number, total: number): number;
}

let state = SEED * 2_654_435_761 || 1;
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

/** Data with runs, repetitions, text and noise. */
function sample(): Uint8Array {
  const parts = Array.from({ length: 1 + random(6) }, () => {
    const kind = random(4);
    if (kind === 0) return noise(random(60), random(1e9) + 1);
    if (kind === 1) return TEXT.subarray(random(TEXT.length - 700)).subarray(0, random(700));
    const unit = noise(1 + random(20), random(1e9) + 1);
    return concat(...Array.from({ length: 1 + random(40) }, () => unit));
  });
  return concat(...parts).subarray(0, MAX_BYTES);
}

const LENGTHS = [0, 1, 0x0f, 0x10, 0x7f, 0x80, 0xf0, 0xfe, 0xff];

function damage(stream: Uint8Array): Uint8Array {
  let bytes: Uint8Array = stream.slice();
  for (let times = random(4); times > 0 && bytes.length > 0; times--) {
    const at = random(bytes.length);
    const kind = random(6);
    if (kind === 0) bytes[at] ^= 1 << random(8);
    else if (kind === 1) bytes[at] = LENGTHS[random(LENGTHS.length)];
    else if (kind === 2) bytes = bytes.slice(0, at);
    else if (kind === 3) bytes = concat(bytes.subarray(0, at), bytes.subarray(at + random(8)));
    else if (kind === 4) bytes = concat(bytes.subarray(0, at), noise(random(6), random(1e9) + 1), bytes.subarray(at));
    else bytes = concat(bytes, bytes.subarray(at, at + random(40)));
  }
  return bytes;
}

class Kernels {
  private readonly wasm: Exports;
  private readonly bytes: Uint8Array;
  private readonly start: number;

  constructor() {
    const file = path.join(import.meta.dirname, "../../build/kernels.wasm");
    this.wasm = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file))).exports as unknown as Exports;
    this.wasm.memory.grow(16);
    this.bytes = new Uint8Array(this.wasm.memory.buffer);
    this.start = (this.wasm.arenaStart() + 127) & ~63;
  }

  pack(codec: "lz4" | "snappy", data: Uint8Array): Uint8Array {
    this.bytes.set(data, this.start);
    const to = this.start + 16_384;
    const pack = codec === "lz4" ? this.wasm.lz4Compress : this.wasm.snappyCompress;
    return this.bytes.slice(to, to + pack(this.start, data.length, to));
  }

  /** The bytes written and their CRC; -1 for a refusal. Throws when a canary has died. */
  open(codec: "lz4" | "snappy", stream: Uint8Array, room: number): { written: number; crc: number; from: number } {
    const { wasm, bytes } = this;
    const from = this.start + MARGIN_BYTES;
    const to = from + stream.length + SLACK_BYTES + MARGIN_BYTES;
    bytes.fill(0xa5, this.start, to + room + SLACK_BYTES + MARGIN_BYTES);
    bytes.set(stream, from);
    const asked =
      codec === "lz4" ? wasm.lz4Measure(from, stream.length, room) : wasm.snappyMeasure(from, stream.length, room);
    let written = asked;
    if (asked > room) throw new Error("more room was asked for than there may be");
    if (asked >= 0) {
      written =
        codec === "lz4"
          ? wasm.lz4Decompress(from, to, asked, room)
          : wasm.snappyDecompress(from, stream.length, to, asked);
      if (written > asked) throw new Error("more was written than was asked for");
    }
    const end = to + Math.max(asked, 0) + SLACK_BYTES;
    const isIntact = (first: number, last: number) => bytes.subarray(first, last).every((byte) => byte === 0xa5);
    if (
      !isIntact(this.start, from) ||
      !isIntact(from + stream.length, to) ||
      !isIntact(end, end + MARGIN_BYTES - SLACK_BYTES)
    ) {
      throw new Error("a canary has died");
    }
    return { written: Math.max(written, -1), crc: written > 0 ? wasm.crc32c(0, to, written) >>> 0 : 0, from: to };
  }
}

/** liblz4 takes an offset of 0, which the format forbids; nothing else that it takes may we refuse. */
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

interface Case {
  readonly kind: "lz4" | "snappy";
  readonly stream: Uint8Array;
  readonly room: number;
}

function makeCase(kernels: Kernels, kind: "lz4" | "snappy"): Case {
  const data = sample();
  const packed = kernels.pack(kind, data);
  // Behind the frame's header and the block's length, or behind xerial's header and the chunk's length.
  const bare = kind === "lz4" ? packed.subarray(11, packed.length - 4) : packed.subarray(20);
  const room = random(3) === 0 ? random(MAX_BYTES) : data.length + random(3);
  return { kind, stream: random(8) === 0 ? bare : damage(bare), room };
}

class Judge {
  private readonly child: ChildProcess = spawn(nativeProgram(), ["judge"], { stdio: ["pipe", "pipe", "inherit"] });
  private readonly answers = this.child.stdout![Symbol.asyncIterator]() as AsyncIterator<Buffer>;

  async ask(cases: readonly Case[]): Promise<DataView> {
    const heads = cases.flatMap(({ kind, stream, room }) => {
      const head = new DataView(new ArrayBuffer(9));
      head.setUint8(0, kind === "lz4" ? 0x6c : 0x73);
      head.setInt32(1, room, true);
      head.setInt32(5, stream.length, true);
      return [new Uint8Array(head.buffer), stream];
    });
    this.child.stdin!.write(concat(...heads));
    let said = Buffer.alloc(0);
    while (said.length < 8 * cases.length) {
      const { value, done } = await this.answers.next();
      if (done) throw new Error("the native judge ended");
      said = Buffer.concat([said, value]);
    }
    return new DataView(said.buffer, said.byteOffset, said.length);
  }

  stop(): void {
    this.child.stdin!.end();
  }
}

async function run(kernels: Kernels, judge: Judge, kind: "lz4" | "snappy"): Promise<void> {
  const counts = { both: 0, neither: 0, onlyOurs: 0, onlyTheirs: 0 };
  for (let done = 0; done < CASES; done += BATCH) {
    const cases = Array.from({ length: Math.min(BATCH, CASES - done) }, () => makeCase(kernels, kind));
    const answers = await judge.ask(cases);
    for (const [index, { stream, room }] of cases.entries()) {
      // A block of no bytes is the end mark of a frame.
      if (kind === "lz4" && stream.length === 0) continue;
      const wrapped = kind === "lz4" ? lz4FrameOf(stream) : stream;
      const ours = kernels.open(kind, wrapped, room);
      const theirs = { written: answers.getInt32(8 * index, true), crc: answers.getUint32(8 * index + 4, true) };
      const fail = (what: string): never => {
        throw new Error(`${what}: ${kind} room ${room} ${Buffer.from(stream).toString("hex")}`);
      };
      if (ours.written >= 0 && theirs.written >= 0) {
        counts.both++;
        if (ours.written !== theirs.written || ours.crc !== theirs.crc) fail("native code decodes other bytes");
      } else if (ours.written >= 0) counts.onlyOurs++;
      else if (theirs.written >= 0) {
        counts.onlyTheirs++;
        if (kind === "lz4" && !hasZeroOffset(stream)) fail("native code accepts what we refuse");
      } else counts.neither++;
      if (kind === "snappy" && ours.written >= 0 !== theirs.written >= 0) fail("native code disagrees");
      if (index % TWIN_EVERY !== 0) continue;
      const twin =
        kind === "lz4"
          ? referenceKernels.lz4Decompress(wrapped, room)
          : referenceKernels.snappyDecompress(wrapped, room);
      if (twin.ok !== ours.written >= 0) fail("the twin disagrees");
      if (twin.ok && (twin.bytes.length !== ours.written || referenceKernels.crc32c(twin.bytes) !== ours.crc)) {
        fail("the twin decodes other bytes");
      }
    }
    if (done % 100_000 === 0) console.log(kind, done, JSON.stringify(counts));
  }
  console.log(`${kind}: ${CASES} cases, seed ${SEED}: ${JSON.stringify(counts)}`);
}

async function writeCorpus(kernels: Kernels, judge: Judge): Promise<void> {
  const corpus: object[] = [];
  for (const kind of ["lz4", "snappy"] as const) {
    const cases: Case[] = [];
    while (cases.length < CORPUS_CASES) {
      const one = makeCase(kernels, kind);
      const isSmall = one.stream.length > 0 && one.stream.length <= CORPUS_BYTES;
      if (isSmall && !(kind === "lz4" && hasZeroOffset(one.stream))) cases.push(one);
    }
    const answers = await judge.ask(cases);
    for (const [index, { stream, room }] of cases.entries()) {
      const written = answers.getInt32(8 * index, true);
      const hex = Buffer.from(stream).toString("hex");
      corpus.push({ kind, room, stream: hex, written, crc: answers.getUint32(8 * index + 4, true) });
    }
  }
  const lines = corpus.map((one) => JSON.stringify(one)).join(",\n");
  writeFileSync(path.join(import.meta.dirname, "../vectors/kernels/damaged.json"), `[\n${lines}\n]\n`);
}

const missing = buildNative();
if (missing !== null) throw new Error(missing);
const kernels = new Kernels();
const judge = new Judge();
if (isCorpus) {
  await writeCorpus(kernels, judge);
} else {
  await run(kernels, judge, "lz4");
  await run(kernels, judge, "snappy");
}
judge.stop();
