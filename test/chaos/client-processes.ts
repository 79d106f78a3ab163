/** The client processes of a chaos run: what each library needs, and how a process is talked to. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, createWriteStream } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { LANGUAGES, missingTools, pythonVenv } from "../clients/languages.ts";
import type { ClientJob } from "./client-job.ts";

export type Library = "java" | "librdkafka" | "kafkajs";

const TEST = path.dirname(import.meta.dirname);

/** The groups that a library has members in. Java and librdkafka share one. */
export const GROUPS: Readonly<Record<Library, ClientJob["groups"]>> = {
  java: [
    { group: "java", members: 2 },
    { group: "java-sticky", members: 2 },
    { group: "mixed", members: 1 },
  ],
  librdkafka: [
    { group: "librdkafka-sticky", members: 2 },
    { group: "mixed", members: 1 },
  ],
  kafkajs: [{ group: "kafkajs", members: 2 }],
};

/** The libraries whose tools this machine has. */
export function librariesHere(): Library[] {
  const isHere = (name: string) =>
    LANGUAGES.some((language) => language.name === name && missingTools(language).length === 0);
  const libraries: Library[] = ["kafkajs"];
  if (isHere("java")) libraries.push("java");
  if (isHere("confluent-python")) libraries.push("librdkafka");
  return libraries;
}

/** Installs it; the command that takes a job as its last argument. Java's classes go to `ownDir`, where no other run replaces them. */
export function commandOf(library: Library, ownDir: string): string[] {
  if (library === "kafkajs") return [process.execPath, "--no-warnings", path.join(TEST, "chaos/kafkajs-driver.ts")];
  if (library === "librdkafka") return [pythonVenv(), path.join(TEST, "clients/python/chaos.py")];
  const java = LANGUAGES.find((language) => language.name === "java")?.install() ?? [];
  const classPath = (java[java.indexOf("-cp") + 1] as string).split(":");
  const [classes, libs] = classPath.map((part) => path.resolve(part.replace(/\/\*$/, "")));
  cpSync(classes as string, path.join(ownDir, "classes"), { recursive: true });
  cpSync(libs as string, path.join(ownDir, "libs"), { recursive: true });
  return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", `${ownDir}/classes:${ownDir}/libs/*`, "kedge.chaos.Chaos"];
}

/** One process that was given a job. */
export class ClientProcess {
  readonly library: Library;
  readonly history: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;
  private readonly lines = new Set<string>();
  private readonly waiting = new Map<string, () => void>();

  constructor(library: Library, command: readonly string[], job: ClientJob) {
    this.library = library;
    this.history = job.history;
    const [program, ...args] = [...command, JSON.stringify(job)];
    this.child = spawn(program as string, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.child.stdin?.on("error", () => {});
    this.child.stderr?.pipe(createWriteStream(`${job.history}.log`));
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.lines.add(line);
      this.waiting.get(line)?.();
    });
    this.ended = new Promise((resolve) => {
      this.child.once("error", () => resolve(null));
      this.child.once("close", (code) => resolve(code));
    });
  }

  tell(line: "finish" | "end"): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Whether it said so in time, and before it ended. */
  async hasSaid(line: "ready" | "finished", timeoutMs: number): Promise<boolean> {
    if (this.lines.has(line)) return true;
    const said = new Promise<void>((resolve) => this.waiting.set(line, resolve));
    await inTime(Promise.race([said, this.ended]), timeoutMs);
    return this.lines.has(line);
  }

  /** Whether it ended well, in time. One that doesn't end is killed. */
  async hasEndedWell(timeoutMs: number): Promise<boolean> {
    const code = await inTime(this.ended, timeoutMs);
    if (code === undefined) this.child.kill("SIGKILL");
    await this.ended;
    return code === 0;
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }
}

/** Undefined when it took too long. */
async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  const first = await Promise.race([work, late]);
  clearTimeout(timer);
  return first;
}
