/**
 * What the producers of a durability storm were promised, and the check that a log keeps it. A record's value follows from its
 * key, so that every record read can be checked byte for byte, acknowledged or not.
 */
import { createHash } from "node:crypto";

/** A record as it was read. Values are looked at while reading and not kept: a long storm writes more than memory should hold. */
export interface StormRecord {
  readonly offset: number;
  readonly key: string;
  readonly isValueRight: boolean;
}

export function toStormRecord(offset: number, key: string, value: Buffer): StormRecord {
  return { offset, key, isValueRight: value.equals(valueOf(key)) };
}

export interface Verdict {
  readonly records: number;
  readonly acknowledged: number;
  /** Records of producers that aren't idempotent which stand in the log more than once: allowed, and counted. */
  readonly repeated: number;
  readonly faults: readonly string[];
}

const MAX_FAULTS_SHOWN = 20;
const SMALLEST_VALUE_BYTES = 20;
const VALUE_SIZES = 1500;

/** Keys begin with the producer's name, which begins with `idempotent` or `plain`, and end with its record number. */
export function keyOf(producer: string, number: number): string {
  return `${producer}#${number}`;
}

/** The same in test/clients/python/storm.py: SHA-256 of the key, repeated to a size that its first two bytes tell. */
export function valueOf(key: string): Buffer {
  const digest = createHash("sha256").update(key).digest();
  return Buffer.alloc(SMALLEST_VALUE_BYTES + (digest.readUInt16BE(0) % VALUE_SIZES), digest);
}

/** One partition's promises over all rounds. */
export class PartitionLedger {
  readonly #acknowledged = new Map<number, string>();
  /** Keys in offset order as the last read found them: what was once read must not change. */
  #seen: string[] = [];
  readonly #conflicts: string[] = [];

  acknowledge(offset: number, key: string): void {
    const other = this.#acknowledged.get(offset);
    if (other !== undefined && other !== key)
      this.#conflicts.push(`offset ${offset} was promised to ${other} and ${key}`);
    this.#acknowledged.set(offset, key);
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** `records`: the whole partition in the order in which it was read. */
  check(records: readonly StormRecord[]): Verdict {
    const faults = [...this.#conflicts];
    const keys = records.map((record) => record.key);
    for (const [index, record] of records.entries()) {
      if (record.offset !== index) faults.push(`position ${index} holds offset ${record.offset}`);
      if (!record.isValueRight) faults.push(`offset ${record.offset} (${record.key}) has other bytes`);
    }
    for (const [offset, key] of this.#acknowledged) {
      if (keys[offset] !== key) faults.push(`offset ${offset} was acknowledged for ${key} and holds ${keys[offset]}`);
    }
    for (const [offset, key] of this.#seen.entries()) {
      if (keys[offset] !== key) faults.push(`offset ${offset} held ${key} in an earlier round and now ${keys[offset]}`);
    }
    const { repeated, orderFaults } = checkProducers(keys);
    this.#seen = keys;
    const shown = [...faults, ...orderFaults].slice(0, MAX_FAULTS_SHOWN);
    return { records: records.length, acknowledged: this.acknowledged, repeated, faults: shown };
  }
}

/** An idempotent producer's records stand in the log once each and in the order in which they were sent. */
function checkProducers(keys: readonly string[]): { repeated: number; orderFaults: string[] } {
  const last = new Map<string, number>();
  const known = new Set<string>();
  const orderFaults: string[] = [];
  let repeated = 0;
  for (const [offset, key] of keys.entries()) {
    const [producer, number] = key.split("#");
    const idempotent = producer.startsWith("idempotent");
    if (known.has(key)) {
      repeated += 1;
      if (idempotent) orderFaults.push(`offset ${offset} repeats ${key} of an idempotent producer`);
    }
    const previous = last.get(producer) ?? -1;
    if (idempotent && Number(number) < previous)
      orderFaults.push(`offset ${offset} (${key}) comes after number ${previous}`);
    known.add(key);
    last.set(producer, Number(number));
  }
  return { repeated, orderFaults };
}
