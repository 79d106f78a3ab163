/** What fuzz-native.ts works with: the native libraries behind a pipe, the kernels with canaries around them, and damaged data. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { nativeProgram } from "#bench/kernels/native.ts";
import { concat, noise, TEXT } from "./inputs.ts";

export type Codec = "lz4" | "snappy";

/** A stream that a library should judge, which may make `room` bytes of it. */
export interface Question {
  readonly kind: "lz4" | "lz4-frame" | "snappy";
  readonly stream: Uint8Array;
  readonly room: number;
}

const KIND_BYTES = { lz4: 0x6c, "lz4-frame": 0x66, snappy: 0x73 } as const;
export const MAX_BYTES = 3000;
const SLACK_BYTES = 64;
const MARGIN_BYTES = 512;

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

let state = 1;

export function seedWith(seed: number): void {
  state = seed * 2_654_435_761 || 1;
}

export function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

/** Data with runs, repetitions, text and noise. */
export function sample(): Uint8Array {
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

export function damage(stream: Uint8Array): Uint8Array {
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

export class Kernels {
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

  pack(codec: Codec, data: Uint8Array): Uint8Array {
    this.bytes.set(data, this.start);
    const to = this.start + 16_384;
    const pack = codec === "lz4" ? this.wasm.lz4Compress : this.wasm.snappyCompress;
    return this.bytes.slice(to, to + pack(this.start, data.length, to));
  }

  /** The bytes written and their CRC; -1 for a refusal. Throws when a canary has died. */
  open(codec: Codec, stream: Uint8Array, room: number): { written: number; crc: number; from: number } {
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
    return { written: Math.max(written, -1), crc: this.crcAt(to, Math.max(written, 0)), from: to };
  }

  /** The CRC of what lies at `from` since the last `open`; 0 of nothing, as the judge says. */
  crcAt(from: number, length: number): number {
    return length > 0 ? this.wasm.crc32c(0, from, length) >>> 0 : 0;
  }
}

export class Judge {
  private readonly child: ChildProcess = spawn(nativeProgram(), ["judge"], { stdio: ["pipe", "pipe", "inherit"] });
  private readonly answers = this.child.stdout![Symbol.asyncIterator]() as AsyncIterator<Buffer>;

  async ask(cases: readonly Question[]): Promise<DataView> {
    const heads = cases.flatMap(({ kind, stream, room }) => {
      const head = new DataView(new ArrayBuffer(9));
      head.setUint8(0, KIND_BYTES[kind]);
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
