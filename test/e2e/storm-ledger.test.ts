import { describe, expect, it } from "vitest";
import { keyOf, PartitionLedger, type StormRecord, toStormRecord, valueOf } from "./storm-ledger.ts";

function log(...keys: string[]): StormRecord[] {
  return keys.map((key, offset) => toStormRecord(offset, key, valueOf(key)));
}

const first = keyOf("idempotent-a", 0);
const second = keyOf("idempotent-a", 1);
const plain = keyOf("plain-a", 0);

describe("PartitionLedger", () => {
  it("finds nothing wrong with a log that keeps its promises", () => {
    const ledger = new PartitionLedger();
    ledger.acknowledge(0, first);
    ledger.acknowledge(1, second);
    expect(ledger.check(log(first, second, plain, plain))).toEqual({
      records: 4,
      acknowledged: 2,
      repeated: 1,
      faults: [],
    });
  });

  it("sees an acknowledged record that is gone or stands elsewhere", () => {
    const ledger = new PartitionLedger();
    ledger.acknowledge(1, second);
    expect(ledger.check(log(first)).faults).toEqual([`offset 1 was acknowledged for ${second} and holds undefined`]);
    expect(ledger.check(log(first, plain)).faults).toEqual([
      `offset 1 was acknowledged for ${second} and holds ${plain}`,
    ]);
  });

  it("sees other bytes, a gap, and an offset promised twice", () => {
    const ledger = new PartitionLedger();
    const torn = toStormRecord(0, first, valueOf(second));
    expect(ledger.check([torn]).faults).toEqual([`offset 0 (${first}) has other bytes`]);
    const gap = toStormRecord(2, second, valueOf(second));
    expect(new PartitionLedger().check([...log(first), gap]).faults).toEqual(["position 1 holds offset 2"]);
    const twice = new PartitionLedger();
    twice.acknowledge(0, first);
    twice.acknowledge(0, second);
    expect(twice.check(log(second)).faults).toEqual([`offset 0 was promised to ${first} and ${second}`]);
  });

  it("sees an idempotent producer's record twice or out of order, and history that changed", () => {
    expect(new PartitionLedger().check(log(first, first)).faults).toEqual([
      `offset 1 repeats ${first} of an idempotent producer`,
    ]);
    expect(new PartitionLedger().check(log(second, first)).faults).toEqual([
      `offset 1 (${first}) comes after number 1`,
    ]);
    const ledger = new PartitionLedger();
    ledger.check(log(first, plain));
    expect(ledger.check(log(first)).faults).toEqual([`offset 1 held ${plain} in an earlier round and now undefined`]);
  });
});
