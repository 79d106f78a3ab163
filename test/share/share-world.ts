import { expect } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { InFlightBudget } from "#share/in-flight-budget.ts";
import type { ShareSettings } from "#share/limits.ts";
import { AcknowledgeType, type AcquireMode, RecordState } from "#share/record-state.ts";
import { SharePartition, type ShareWrite, type WriteEnd } from "#share/share-partition.ts";
import { combineStateBatches, type StateBatch } from "#share/state-batches.ts";
import type { DeadLetters } from "#share/transitions.ts";

export type ShareStep =
  | { readonly kind: "append"; readonly size: number }
  | { readonly kind: "fetch"; readonly who: number; readonly maxRecords: number; readonly mode: AcquireMode }
  | { readonly kind: "say"; readonly who: number; readonly pick: number; readonly size: number; readonly type: number }
  | { readonly kind: "stored" | "lost" | "answer lost" | "bury" | "restart" }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "leave"; readonly who: number }
  | { readonly kind: "trim"; readonly by: number };

interface Hold {
  readonly who: string;
  readonly untilMs: number;
}

interface Pending {
  readonly write: ShareWrite;
  /** Offsets that must never come again once it is stored. */
  readonly finishes: readonly number[];
  /** Holds that the write ends, and that come back when it fails. */
  readonly ends: ReadonlyMap<number, Hold>;
}

/** A share partition, its log, its store and a bookkeeper who knows offset by offset what must not happen. */
export class ShareWorld {
  private readonly settings: ShareSettings;
  private readonly log: { baseOffset: number; lastOffset: number }[] = [];
  private logStart = 0;
  private budget = new InFlightBudget();
  private partition: SharePartition;
  private stored: { startOffset: number; stateBatches: readonly StateBatch[] } = { startOffset: 0, stateBatches: [] };
  private pending: Pending[] = [];
  private letters: DeadLetters[] = [];
  private readonly holds = new Map<number, Hold>();
  private readonly finished = new Set<number>();
  private nowMs = 0;

  constructor(settings: ShareSettings) {
    this.settings = settings;
    this.partition = this.load();
  }

  private load(): SharePartition {
    const partition = SharePartition.load({ stateEpoch: 0, ...this.stored }, this.budget);
    if (partition === null) throw new Error("the stored state contradicts itself");
    return partition;
  }

  private get at() {
    return { nowMs: this.nowMs, settings: this.settings };
  }

  take(step: ShareStep): void {
    switch (step.kind) {
      case "append": {
        const baseOffset = (this.log.at(-1)?.lastOffset ?? -1) + 1;
        this.log.push({ baseOffset, lastOffset: baseOffset + step.size - 1 });
        break;
      }
      case "fetch":
        this.fetch(nameOf(step.who), step);
        break;
      case "say":
        this.say(nameOf(step.who), step);
        break;
      case "stored":
      case "lost":
      case "answer lost":
        this.end(step.kind);
        break;
      case "bury":
        this.bury();
        break;
      case "wait":
        this.nowMs += step.ms;
        this.expire();
        break;
      case "leave":
        this.leave(nameOf(step.who));
        break;
      case "trim":
        this.trim(step.by);
        break;
      case "restart":
        this.budget = new InFlightBudget();
        this.partition = this.load();
        this.partition.logStartMoved(this.logStart);
        this.pending = [];
        this.holds.clear();
        this.letters = this.partition.unfinishedDeadLetters(this.settings);
    }
    this.check();
  }

  private fetch(memberId: string, { maxRecords, mode }: { maxRecords: number; mode: AcquireMode }): void {
    if (!this.partition.canAcquire(this.settings)) return;
    const fetchOffset = this.partition.nextFetchOffset();
    const batches = this.log.filter(({ lastOffset }) => lastOffset >= Math.max(fetchOffset, this.logStart));
    const command = { memberId, mode, batchSize: 7, maxRecords, fetchOffset, batches };
    for (const { first, last, deliveryCount } of this.partition.acquire(command, this.at)) {
      expect(deliveryCount).toBeGreaterThanOrEqual(1);
      expect(deliveryCount).toBeLessThanOrEqual(this.settings.deliveryCountLimit);
      for (let offset = first; offset <= last; offset++) {
        expect(this.holds.get(offset), `offset ${offset} is held`).toBeUndefined();
        expect(this.finished.has(offset), `offset ${offset} is over`).toBe(false);
        expect(this.pending.some(({ ends }) => ends.has(offset))).toBe(false);
        this.holds.set(offset, { who: memberId, untilMs: this.nowMs + this.settings.recordLockDurationMs });
      }
    }
  }

  /** Speaks of records that somebody holds, who need not be the member. */
  private say(memberId: string, { pick, size, type }: { pick: number; size: number; type: number }): void {
    const held = [...this.holds.keys()].sort((one, other) => one - other);
    if (held.length === 0) return;
    const firstOffset = held[pick % held.length];
    const lastOffset = firstOffset + size - 1;
    const offsets = Array.from({ length: size }, (_, at) => firstOffset + at);
    const said = { firstOffset, lastOffset, acknowledgeTypes: [type] };
    const outcome = this.partition.acknowledge(memberId, [said], this.at);
    const owns = offsets.every((offset) => this.holds.get(offset)?.who === memberId);
    expect(outcome.errorCode === ErrorCode.NONE).toBe(owns);
    if (outcome.errorCode !== ErrorCode.NONE) return;
    if (type === AcknowledgeType.RENEW) {
      const hold = { who: memberId, untilMs: this.nowMs + this.settings.recordLockDurationMs };
      for (const offset of offsets) this.holds.set(offset, hold);
      return;
    }
    const isOver = type === AcknowledgeType.ACCEPT || type === AcknowledgeType.REJECT || type === AcknowledgeType.GAP;
    this.await(outcome.write as ShareWrite, isOver ? offsets : [], offsets);
  }

  private await(write: ShareWrite, finishes: readonly number[], ended: readonly number[]): void {
    const ends = new Map<number, Hold>();
    for (const offset of ended) {
      ends.set(offset, this.holds.get(offset) as Hold);
      this.holds.delete(offset);
    }
    this.pending.push({ write, finishes, ends });
  }

  private end(how: "stored" | "lost" | "answer lost"): void {
    const first = this.pending.shift();
    if (first === undefined) return;
    const { write, finishes, ends } = first;
    if (how !== "lost") this.keep(write);
    // A write that is behind the log's start ends nothing.
    if (how !== "stored") this.restore(ends);
    else for (const offset of finishes) this.finished.add(offset);
    this.hear(this.partition.writeEnded(write.writeId, how === "stored", this.at));
  }

  private keep({ startOffset, stateBatches }: ShareWrite): void {
    this.stored = {
      startOffset,
      stateBatches: combineStateBatches(this.stored.stateBatches, stateBatches, startOffset),
    };
  }

  private restore(ends: ReadonlyMap<number, Hold>): void {
    for (const [offset, hold] of ends) {
      if (hold.untilMs > this.nowMs && offset >= this.logStart) this.holds.set(offset, hold);
    }
  }

  private hear({ deadLetters }: WriteEnd): void {
    this.letters.push(...deadLetters);
  }

  private bury(): void {
    const letters = this.letters.shift();
    if (letters === undefined) return;
    const write = this.partition.deadLettersWritten([letters]);
    if (write !== null) this.await(write, [], []);
  }

  private expire(): void {
    for (const [offset, { untilMs }] of this.holds) if (untilMs <= this.nowMs) this.holds.delete(offset);
    const { write } = this.partition.expireLocks(this.at);
    if (write !== null) this.await(write, [], []);
  }

  private leave(memberId: string): void {
    const write = this.partition.releaseMember(memberId, this.at);
    const held = [...this.holds].filter(([, { who }]) => who === memberId).map(([offset]) => offset);
    expect(write === null).toBe(held.length === 0);
    if (write !== null) this.await(write, [], held);
  }

  private trim(by: number): void {
    const end = (this.log.at(-1)?.lastOffset ?? -1) + 1;
    this.logStart = Math.min(end, this.logStart + by);
    this.partition.logStartMoved(this.logStart);
    for (const offset of this.holds.keys()) if (offset < this.logStart) this.holds.delete(offset);
  }

  /** Between the two ends each record is in one state, and held by whom the bookkeeper thinks. */
  private check(): void {
    const { partition } = this;
    let next = partition.startOffset;
    const held = new Map<number, string>();
    for (const run of partition.runs) {
      expect(run.first).toBe(next);
      expect(run.last).toBeGreaterThanOrEqual(run.first);
      next = run.last + 1;
      if (run.state !== RecordState.ACQUIRED) continue;
      for (let offset = run.first; offset <= run.last; offset++) held.set(offset, run.memberId);
    }
    if (partition.runs.length > 0) expect(next).toBe(partition.nextOffset);
    expect(partition.inFlightCount).toBe(partition.runs.reduce((sum, { first, last }) => sum + last - first + 1, 0));
    expect(this.budget.heldRecords).toBe(partition.inFlightCount);
    const expected = new Map([...this.holds].map(([offset, { who }]) => [offset, who]));
    expect(new Map([...held].sort(byOffset))).toEqual(new Map([...expected].sort(byOffset)));
  }

  /** Everything comes to rest: all is stored, all holds run out, and all that is left is accepted. */
  drain(): void {
    const rest = () => {
      while (this.pending.length > 0 || this.letters.length > 0) {
        this.take({ kind: "stored" });
        this.take({ kind: "bury" });
      }
    };
    const end = (this.log.at(-1)?.lastOffset ?? -1) + 1;
    for (let round = 0; round < this.log.length * (this.settings.deliveryCountLimit + 3) + 20; round++) {
      rest();
      if (this.partition.startOffset === end) break;
      this.take({ kind: "wait", ms: this.settings.recordLockDurationMs });
      rest();
      this.take({ kind: "fetch", who: 0, maxRecords: 1_000, mode: 0 });
      for (let count = this.holds.size; count > 0; count--) {
        this.take({ kind: "say", who: 0, pick: 0, size: 1, type: AcknowledgeType.ACCEPT });
      }
    }
    rest();
    expect(this.partition.inFlightCount).toBe(0);
    expect(this.partition.startOffset).toBe(end);
  }
}

const byOffset = ([one]: readonly [number, string], [other]: readonly [number, string]) => one - other;

function nameOf(who: number): string {
  return "abc"[who];
}
