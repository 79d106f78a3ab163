/** What one topic gets, from one seed: both brokers are given the same. */
import type { Codec } from "#records/batch.ts";
import type { NewRecord } from "#records/record.ts";
import { Prng } from "../../sim/prng.ts";

/** `segment.ms` where records carry their producer's times: those that jump further begin a segment. */
const SEGMENT_MS = 10_000;
/** `segment.ms` where they carry the broker's: so long one must wait to begin a segment. */
const SHORT_SEGMENT_MS = 100;
/** Records carry times of the near future, so that markers, which carry the broker's time, never begin a segment. */
const FIRST_TIME_AHEAD_MS = 5 * 60_000;
const CODECS: readonly Codec[] = [0, 0, 1, 2, 3, 4];

/** Who writes a batch: nobody in particular, or one of the idempotent or transactional producers. */
export type Writer =
  | { readonly kind: "plain" }
  | { readonly kind: "idempotent"; readonly index: number }
  | { readonly kind: "transactional"; readonly index: number };

export type Step =
  | {
      readonly kind: "produce";
      readonly writer: Writer;
      readonly codec: Codec;
      readonly records: readonly NewRecord[];
      /** Sent twice, as a client does that missed the answer. */
      readonly repeated: boolean;
    }
  | { readonly kind: "end"; readonly index: number; readonly committed: boolean };

export interface Phase {
  readonly steps: readonly Step[];
  /** The last record of the phase: it begins a segment, so that all before it can be compacted. */
  readonly rollRecord: NewRecord;
  /** To be waited for before it. */
  readonly rollAfterMs: number;
  /** A transaction goes on into the next phase: what follows its beginning can't be compacted yet. */
  readonly leavesOpen: boolean;
  /** Kedge is killed and started again behind the compaction. */
  readonly restarts: boolean;
}

export interface Plan {
  readonly configs: Readonly<Record<string, string>>;
  readonly idempotentCount: number;
  readonly transactionalCount: number;
  /** Whether they end by the rules of transactions V2 (KIP-890): an epoch more each time, and no adding of partitions. */
  readonly transactionsV2: boolean;
  readonly phases: readonly Phase[];
}

export interface PlanOptions {
  readonly seed: number;
  /** The present, in milliseconds. */
  readonly nowMs: number;
  readonly transactions: boolean;
}

export function makePlan({ seed, nowMs, transactions }: PlanOptions): Plan {
  const prng = new Prng(seed);
  const transactionalCount = transactions ? prng.between(0, 3) : 0;
  const isAppendTime = prng.chance(0.15);
  const maker = new PlanMaker(prng, nowMs + FIRST_TIME_AHEAD_MS, transactionalCount);
  const transactionsV2 = prng.chance(0.5);
  const count = prng.between(2, 4);
  const phases = Array.from({ length: count }, (_, i) => ({
    // Where the broker's clock rolls segments, they differ, and with them what lies before an open transaction.
    ...maker.phase(i, i + 1 < count && !isAppendTime && prng.chance(0.3)),
    rollAfterMs: isAppendTime ? SHORT_SEGMENT_MS * 2 : 0,
    restarts: prng.chance(0.1),
  }));
  return {
    configs: {
      "cleanup.policy": prng.chance(0.2) ? "compact,delete" : "compact",
      "segment.ms": String(isAppendTime ? SHORT_SEGMENT_MS : SEGMENT_MS),
      "min.cleanable.dirty.ratio": "0.01",
      "delete.retention.ms": prng.pick(["0", "0", "3600000"]),
      "message.timestamp.type": isAppendTime ? "LogAppendTime" : "CreateTime",
    },
    idempotentCount: IDEMPOTENT_PRODUCERS,
    transactionalCount,
    transactionsV2,
    phases,
  };
}

const IDEMPOTENT_PRODUCERS = 3;
const encoder = new TextEncoder();

class PlanMaker {
  private readonly prng: Prng;
  private readonly transactionalCount: number;
  private readonly keyCount: number;
  private readonly open = new Set<number>();
  private timeMs: number;
  private value = 0;

  constructor(prng: Prng, timeMs: number, transactionalCount: number) {
    this.prng = prng;
    this.timeMs = timeMs;
    this.transactionalCount = transactionalCount;
    this.keyCount = prng.pick([3, 20, 300]);
  }

  phase(number: number, mayLeaveOpen: boolean): Pick<Phase, "steps" | "rollRecord" | "leavesOpen"> {
    const steps = Array.from({ length: this.prng.between(5, 60) }, () => this.step());
    if (!mayLeaveOpen) for (const index of this.open) steps.push(this.end(index));
    this.timeMs += SEGMENT_MS * 2;
    const rollRecord = {
      timestampMs: this.timeMs,
      key: encoder.encode(`roll ${number}`),
      value: encoder.encode("roll"),
    };
    return { steps, rollRecord, leavesOpen: this.open.size > 0 };
  }

  private step(): Step {
    const { prng } = this;
    if (this.open.size > 0 && prng.chance(0.2)) return this.end(prng.pick([...this.open]));
    const writer = this.writer();
    if (writer.kind === "transactional") this.open.add(writer.index);
    if (prng.chance(0.1)) this.timeMs += SEGMENT_MS + 1_000;
    const records = Array.from({ length: prng.chance(0.1) ? prng.between(50, 300) : prng.between(1, 8) }, () =>
      this.record(),
    );
    return { kind: "produce", writer, codec: prng.pick(CODECS), records, repeated: prng.chance(0.05) };
  }

  private end(index: number): Step {
    this.open.delete(index);
    return { kind: "end", index, committed: this.prng.chance(0.5) };
  }

  private writer(): Writer {
    const { prng, transactionalCount } = this;
    if (transactionalCount > 0 && prng.chance(0.4))
      return { kind: "transactional", index: prng.below(transactionalCount) };
    if (prng.chance(0.5)) return { kind: "idempotent", index: prng.below(IDEMPOTENT_PRODUCERS) };
    return { kind: "plain" };
  }

  private record(): NewRecord {
    const { prng } = this;
    this.timeMs += prng.below(20);
    this.value += 1;
    const text = `${this.value}`.padEnd(prng.below(100), ".");
    return {
      // Not every producer's clock goes right.
      timestampMs: this.timeMs - (prng.chance(0.1) ? prng.below(5_000) : 0),
      key: encoder.encode(`key ${prng.below(this.keyCount)}`),
      value: prng.chance(0.15) ? null : encoder.encode(text),
      headers: prng.chance(0.2) ? [{ key: "h", value: prng.chance(0.3) ? null : encoder.encode(text) }] : [],
    };
  }
}
