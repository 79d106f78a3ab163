import { describe, expect, it } from "vitest";
import { seeded } from "../clients/records.ts";
import { compare, compareInput, type OutputRecord } from "./compare.ts";
import { type Expected, expectedOf } from "./expected.ts";
import { CUSTOMERS, type InputRecord, inputOf } from "./input.ts";

const BASE_MS = 1_700_000_000_000;
const INPUT = inputOf(seeded(7), 300, BASE_MS);
const EXPECTED = expectedOf(INPUT);

/** What an application without a fault writes. */
function faultless(expected: Expected = EXPECTED): OutputRecord[] {
  const output: Omit<OutputRecord, "offset">[] = [];
  const put = (topic: string, key: string, value: string) =>
    output.push({ topic, partition: 0, timestampMs: BASE_MS, key, value });
  const totals = new Map<string, { count: number; sum: number }>();
  for (const { customer, value } of expected.enriched.values()) {
    put("enriched-orders", customer, value);
    const before = totals.get(customer) ?? { count: 0, sum: 0 };
    const total = { count: before.count + 1, sum: before.sum + Number(value.split("|")[1]) };
    totals.set(customer, total);
    put("customer-totals", customer, `${total.count}|${total.sum}`);
  }
  for (const [window, count] of expected.windows) {
    if (count > 1) put("region-windows", window, "1");
    put("region-windows", window, `${count}`);
  }
  for (const [order, value] of expected.paid) put("paid-orders", order, value);
  return output.map((record, offset) => ({ ...record, offset }));
}

const lastOf = (topic: string) => faultless().findLastIndex((record) => record.topic === topic);

describe("the input", () => {
  it("is the same for the same seed and has every customer before the first order", () => {
    expect(inputOf(seeded(7), 300, BASE_MS)).toEqual(INPUT);
    expect(inputOf(seeded(8), 300, BASE_MS)).not.toEqual(INPUT);
    expect(INPUT.slice(0, CUSTOMERS).every(({ topic }) => topic === "customers")).toBe(true);
    expect(INPUT.slice(CUSTOMERS).some(({ topic }) => topic === "customers")).toBe(false);
  });

  it("has payments before and after their orders, and orders without one", () => {
    const at = new Map(INPUT.map(({ topic, key }, index) => [`${topic} ${key}`, index]));
    const orders = INPUT.filter(({ topic }) => topic === "orders").map(({ key }) => key);
    const paid = orders.filter((order) => at.has(`payments ${order}`));
    expect(paid.length).toBeLessThan(orders.length);
    const before = paid.filter((order) => Number(at.get(`payments ${order}`)) < Number(at.get(`orders ${order}`)));
    expect(before.length).toBeGreaterThan(0);
    expect(before.length).toBeLessThan(paid.length);
  });
});

describe("what must come out", () => {
  it("joins, sums and counts", () => {
    const record = (topic: InputRecord["topic"], key: string, value: string, timestampMs = 20_000): InputRecord => ({
      topic,
      key,
      value,
      timestampMs,
    });
    const expected = expectedOf([
      record("customers", "c1", "north"),
      record("customers", "c2", "north"),
      record("payments", "o2", "8"),
      record("orders", "o1", "c1|5"),
      record("orders", "o2", "c2|7", 29_999),
      record("orders", "o3", "c1|9", 30_000),
    ]);
    expect([...expected.enriched]).toEqual([
      ["o1", { customer: "c1", value: "o1|5|north" }],
      ["o2", { customer: "c2", value: "o2|7|north" }],
      ["o3", { customer: "c1", value: "o3|9|north" }],
    ]);
    expect([...expected.totals]).toEqual([
      ["c1", "2|14"],
      ["c2", "1|7"],
    ]);
    expect([...expected.windows]).toEqual([
      ["north@20000", 2],
      ["north@30000", 1],
    ]);
    expect([...expected.paid]).toEqual([["o2", "c2|7|8"]]);
  });
});

describe("compare", () => {
  it("finds nothing in what a faultless application wrote", () => {
    expect(compare(EXPECTED, faultless())).toEqual({ missing: [], wrong: [] });
  });

  it("misses what is not there yet, and calls nothing wrong", () => {
    const half = expectedOf(INPUT.slice(0, 200));
    const { missing, wrong } = compare(EXPECTED, faultless(half));
    expect(wrong).toEqual([]);
    expect(missing.length).toBeGreaterThan(0);
  });

  it.each(["enriched-orders", "customer-totals", "region-windows", "paid-orders"])(
    "finds a lost record of %s",
    (topic) => {
      const output = faultless().toSpliced(lastOf(topic), 1);
      const { missing, wrong } = compare(EXPECTED, output);
      expect(missing.length + wrong.length).toBeGreaterThan(0);
      expect(missing.length).toBeGreaterThan(0);
    },
  );

  it.each(["enriched-orders", "customer-totals", "region-windows", "paid-orders"])(
    "finds a record of %s that came twice",
    (topic) => {
      const output = faultless();
      const at = lastOf(topic);
      expect(compare(EXPECTED, output.toSpliced(at, 0, output[at] as OutputRecord)).wrong).not.toEqual([]);
    },
  );

  it("finds an order that was counted but didn't come out", () => {
    const output = faultless();
    const { key } = output.find(({ topic }) => topic === "enriched-orders") as OutputRecord;
    const without = output.toSpliced(
      output.findLastIndex((record) => record.topic === "enriched-orders" && record.key === key),
      1,
    );
    expect(compare(EXPECTED, without).wrong.some((line) => line.startsWith(`torn: ${key}`))).toBe(true);
  });

  it("finds a wrong value", () => {
    const output = faultless();
    const at = lastOf("paid-orders");
    const changed = { ...(output[at] as OutputRecord), value: "c0|1|1" };
    expect(compare(EXPECTED, output.with(at, changed)).wrong).toHaveLength(1);
  });
});

describe("compareInput", () => {
  const written = INPUT.map((record, offset) => ({ ...record, partition: 0, offset }));

  it("wants each record once", () => {
    expect(compareInput(INPUT, written)).toEqual({ missing: [], wrong: [] });
    expect(compareInput(INPUT, written.toSpliced(150, 1)).missing).toHaveLength(1);
    expect(compareInput(INPUT, written.toSpliced(150, 0, written[150]!)).wrong).toHaveLength(1);
    expect(compareInput(INPUT.slice(0, -1), written).wrong).toHaveLength(1);
  });
});
