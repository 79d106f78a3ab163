import type { FetchEvent } from "../checker/history.ts";
import type { Auditor } from "./clients/auditor.ts";
import { type KnownTopic, topicKey } from "./clients/client.ts";
import { LostError } from "./clients/connection.ts";
import { listOffset, type Position } from "./clients/fetcher.ts";
import type { Simulation } from "./simulation.ts";
import type { TopicSpec } from "./workload.ts";

const FILLER = "filler";
const POLL_MS = 1_000;
/** What producers' clocks differ by, and some more. */
const CLOCKS_MS = 2_500;
const PATIENCE_POLLS = 10;

/** What a log must come to when nobody writes to it any more. */
export class LogAudit {
  readonly #simulation: Simulation;
  readonly #auditor: Auditor;
  readonly #topics: readonly { readonly spec: TopicSpec; readonly known: KnownTopic }[];

  constructor(simulation: Simulation, auditor: Auditor, specs: readonly TopicSpec[]) {
    this.#simulation = simulation;
    this.#auditor = auditor;
    this.#topics = specs.flatMap((spec) => {
      const known = auditor.topics.get(spec.name);
      return known === undefined || spec.configs === undefined ? [] : [{ spec, known }];
    });
  }

  get isEmpty(): boolean {
    return this.#topics.length === 0;
  }

  /** Reads all logs that have segments, and waits until the compacted ones hold each key once, up to the active segment. */
  async settle(): Promise<void> {
    for (const { spec, known } of this.#topics) {
      const isCompacted = spec.configs?.["cleanup.policy"]?.includes("compact") === true;
      for (const position of this.#auditor.positionsOf(known)) {
        if (isCompacted) await this.#settle(position, Number(spec.configs?.["segment.ms"]));
        await this.#auditor.read(position);
      }
    }
  }

  async #settle(position: Position, segmentMs: number): Promise<void> {
    let end = 0;
    // The first begins a segment, the second seals it.
    for (let round = 0; round < 2; round++) {
      await this.#auditor.process.sleep(segmentMs + CLOCKS_MS);
      end = await this.#auditor.end(position);
      await this.#append(position);
    }
    for (let polls = 1; await this.#hasRepeats(position, end); polls++) {
      await this.#auditor.process.sleep(POLL_MS);
      // A segment that begins with a marker may have its time from a clock that was set back since.
      if (polls % PATIENCE_POLLS === 0) await this.#append(position);
    }
  }

  /** By how much the clock is ahead that markers have their times from: a segment that began with one is sealed by what is later. */
  #aheadMs({ name, partition }: Position): number {
    const leader = this.#auditor.topics.get(name)?.leaders[partition] ?? -1;
    const offsetMs = this.#simulation.hosts.get(leader)?.clockOffsetMs ?? 0;
    return offsetMs > CLOCKS_MS ? offsetMs : 0;
  }

  async #append(position: Position): Promise<void> {
    const before = await this.#auditor.end(position);
    while ((await this.#auditor.end(position)) === before) {
      try {
        await this.#auditor.append(position, FILLER, this.#aheadMs(position));
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
      }
    }
  }

  async #hasRepeats(position: Position, endOffset: number): Promise<boolean> {
    const { history } = this.#simulation;
    const from = history.length;
    await this.#auditor.read(position, true);
    const topic = topicKey(position);
    const isOwn = (event: (typeof history)[number]): event is FetchEvent =>
      event.type === "fetch" && event.topic === topic && event.partition === position.partition;
    const own = history.slice(from).filter(isOwn);
    const shown = own.filter(({ client }) => client === this.#auditor.name).flatMap(({ records }) => records);
    const keys = this.#keysOf(topic);
    const found = shown.filter(({ offset }) => offset < endOffset).map(({ id }) => keys.get(id));
    return new Set(found).size < found.length;
  }

  #keysOf(topic: string): Map<string, string> {
    const keys = new Map<string, string>();
    for (const event of this.#simulation.history) {
      if (event.type !== "produce" || event.topic !== topic) continue;
      for (const [index, id] of event.ids.entries()) keys.set(id, event.keys?.[index] ?? id);
    }
    return keys;
  }

  /** Waits until what expires by age has expired. */
  async expire(): Promise<void> {
    for (const { spec, known } of this.#topics) {
      const { "cleanup.policy": policy = "delete", "retention.ms": retentionMs = "-1" } = spec.configs ?? {};
      if (!policy.includes("delete") || Number(retentionMs) < 0) continue;
      for (const position of this.#auditor.positionsOf(known)) {
        const end = await this.#auditor.end(position);
        const start = () => this.#auditor.persist(() => listOffset(this.#auditor, position, "earliest"));
        while ((await start()) < end) await this.#auditor.process.sleep(POLL_MS);
      }
    }
  }

  /** Waits until the bucket holds only what the manifests refer to. */
  async sweepBucket(): Promise<void> {
    while (this.orphans().length > 0) await this.#auditor.process.sleep(POLL_MS);
  }

  orphans(): string[] {
    const referred = new Set(
      [...this.#simulation.hosts.values()].flatMap(({ durable }) => durable.manifest.objectKeys()),
    );
    return [...this.#simulation.objects.keys].filter((key) => !referred.has(key));
  }
}
