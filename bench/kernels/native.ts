/** Native kernels as benches: bench/compare/native.c in a process of its own, which holds the clock. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface, type Interface } from "node:readline";
import { type Content, input } from "./inputs.ts";
import type { Runtime, RuntimeBench } from "./runtime.ts";
import { CODEC_SIZES, CONTENTS, CRC_SIZES, sizeName } from "./subject.ts";

const SOURCE = path.join(import.meta.dirname, "../compare/native.c");
const FOLDER = path.join(import.meta.dirname, "../../build/bench/kernels");
const PROGRAM = path.join(FOLDER, "native");

/** Builds the program, or says what is missing for it. */
export function buildNative(): string | null {
  mkdirSync(FOLDER, { recursive: true });
  const { status, error } = spawnSync("cc", ["-O3", "-march=x86-64-v2", "-o", PROGRAM, SOURCE, "-llz4", "-lsnappy"]);
  return status === 0 && !error ? null : "no native kernels: they need cc, liblz4-dev and libsnappy-dev on x86-64";
}

export function nativeProgram(): string {
  return PROGRAM;
}

interface NativeBench extends RuntimeBench {
  readonly operation: string;
  readonly file: string;
}

export class NativeRuntime implements Runtime {
  readonly name = "native";
  readonly benches: readonly NativeBench[];
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor() {
    this.benches = [...crcBenches(), ...codecBenches()];
    const files = new Set(this.benches.map((bench) => bench.file));
    this.child = spawn(PROGRAM, [...files].map(writeInput), { stdio: ["pipe", "pipe", "inherit"] });
    const reader: Interface = createInterface({ input: this.child.stdout! });
    this.lines = reader[Symbol.asyncIterator]();
  }

  async seconds(index: number, turns: number): Promise<number> {
    const { operation, file } = this.benches[index];
    return (await this.ask(operation, file, turns))[0];
  }

  /** How many bytes the library makes of an input. */
  async packedBytes(codec: "lz4" | "snappy", content: Content, bytes: number): Promise<number> {
    return (await this.ask(`${codec}-size`, fileOf(content, bytes), 1))[1];
  }

  private async ask(operation: string, file: string, turns: number): Promise<number[]> {
    this.child.stdin!.write(`${operation} ${file} ${turns}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error("the native program ended");
    return value.split(" ").map(Number);
  }

  async stop(): Promise<void> {
    this.child.stdin!.end();
  }
}

function fileOf(content: Content, bytes: number): string {
  return `${content}-${bytes}`;
}

function writeInput(file: string): string {
  const [content, bytes] = file.split("-");
  const target = path.join(FOLDER, `${file}.bin`);
  writeFileSync(target, input(content as Content, Number(bytes)));
  return `${file}=${target}`;
}

function crcBenches(): NativeBench[] {
  return CRC_SIZES.map((bytes) => ({
    subject: "SSE4.2, 3 lanes",
    name: `crc32c ${sizeName(bytes)}`,
    unit: "MB/s",
    amount: bytes,
    operation: "crc32c",
    file: fileOf("JSON", bytes),
  }));
}

function codecBenches(): NativeBench[] {
  return CONTENTS.flatMap((content) =>
    CODEC_SIZES.flatMap((bytes) =>
      ["lz4", "snappy"].flatMap((codec) =>
        ["compress", "decompress"].map(
          (operation): NativeBench => ({
            subject: `lib${codec}`,
            name: `${codec} ${operation} ${content} ${sizeName(bytes)}`,
            unit: "MB/s",
            amount: bytes,
            operation: `${codec}-${operation}`,
            file: fileOf(content, bytes),
          }),
        ),
      ),
    ),
  );
}
