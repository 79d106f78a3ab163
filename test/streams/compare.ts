/** Whether what the application wrote is what had to come out: each order counted once, nothing lost, nothing twice, no transaction torn. */
import type { Expected } from "./expected.ts";
import type { InputRecord } from "./input.ts";

export interface OutputRecord {
  /** Without the prefix of the run. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string;
  readonly value: string;
}

export interface Comparison {
  /** What is not there yet, and never will be if it is said after the end. */
  readonly missing: readonly string[];
  /** What must never be. */
  readonly wrong: readonly string[];
}

export const OUTPUT_TOPICS = ["enriched-orders", "customer-totals", "region-windows", "paid-orders"];

/** `output` in the order of each partition, all records of a topic. */
export function compare(expected: Expected, output: readonly OutputRecord[]): Comparison {
  const missing: string[] = [];
  const wrong: string[] = [];
  const of = (topic: string) => output.filter((record) => record.topic === topic);

  const enriched = of("enriched-orders");
  const perOrder = enriched.map(({ key, value }) => ({
    order: value.split("|")[0] as string,
    found: `${key} ${value}`,
  }));
  const known = new Map([...expected.enriched].map(([order, { customer, value }]) => [order, `${customer} ${value}`]));
  once("enriched order", perOrder, known, { missing, wrong });

  const paid = of("paid-orders").map(({ key, value }) => ({ order: key, found: value }));
  once("paid order", paid, expected.paid, { missing, wrong });

  totals(enriched, of("customer-totals"), expected, { missing, wrong });
  windows(of("region-windows"), expected, { missing, wrong });
  return { missing, wrong };
}

interface Lists {
  readonly missing: string[];
  readonly wrong: string[];
}

function once(
  what: string,
  found: readonly { readonly order: string; readonly found: string }[],
  expected: ReadonlyMap<string, string>,
  { missing, wrong }: Lists,
): void {
  const seen = new Set<string>();
  for (const one of found) {
    const due = expected.get(one.order);
    if (due === undefined) wrong.push(`${what} ${one.order} was never due: ${one.found}`);
    else if (due !== one.found) wrong.push(`${what} ${one.order} is ${one.found} instead of ${due}`);
    if (seen.has(one.order)) wrong.push(`${what} ${one.order} came twice`);
    seen.add(one.order);
  }
  for (const order of expected.keys()) if (!seen.has(order)) missing.push(`${what} ${order}`);
}

/** Both come from one task in one transaction: the nth total of a customer sums the first n orders that came out. */
function totals(
  enriched: readonly OutputRecord[],
  found: readonly OutputRecord[],
  expected: Expected,
  { missing, wrong }: Lists,
): void {
  const steps = Map.groupBy(found, ({ key }) => key);
  const orders = Map.groupBy(enriched, ({ key }) => key);
  for (const [customer, own] of steps) {
    let sum = 0;
    own.forEach(({ value }, index) => {
      const order = orders.get(customer)?.[index];
      sum += Number(order?.value.split("|")[1]);
      if (value !== `${index + 1}|${sum}`) {
        wrong.push(`total ${index + 1} of ${customer} is ${value} instead of ${index + 1}|${sum}`);
      }
    });
  }
  for (const [customer, orderCount] of counts(orders)) {
    const totalCount = steps.get(customer)?.length ?? 0;
    if (totalCount !== orderCount) wrong.push(`torn: ${customer} has ${orderCount} orders and ${totalCount} totals`);
  }
  for (const [customer, value] of expected.totals) {
    const last = steps.get(customer)?.at(-1)?.value;
    if (last !== value) missing.push(`total of ${customer}: ${value}, found ${last}`);
  }
}

function counts(groups: ReadonlyMap<string, readonly unknown[]>): [string, number][] {
  return [...groups].map(([name, own]) => [name, own.length]);
}

function windows(found: readonly OutputRecord[], expected: Expected, { missing, wrong }: Lists): void {
  const last = new Map<string, number>();
  for (const { key, value } of found) {
    const before = last.get(key) ?? 0;
    if (Number(value) <= before) wrong.push(`window ${key} went from ${before} to ${value}`);
    last.set(key, Number(value));
  }
  for (const [window, count] of last) {
    const due = expected.windows.get(window) ?? 0;
    if (count > due) wrong.push(`window ${window} counts ${count} instead of ${due}`);
  }
  for (const [window, count] of expected.windows) {
    if ((last.get(window) ?? 0) < count) missing.push(`window ${window}: ${count}, found ${last.get(window)}`);
  }
}

/** Whether the input topics hold each record that was sent once, and no other. */
export function compareInput(sent: readonly InputRecord[], written: readonly OutputRecord[]): Comparison {
  const missing: string[] = [];
  const wrong: string[] = [];
  const key = (one: Pick<OutputRecord, "topic" | "timestampMs" | "key" | "value">) =>
    `${one.topic} ${one.key} ${one.value} at ${one.timestampMs}`;
  const due = new Set(sent.map(key));
  const seen = new Set<string>();
  for (const record of written) {
    const name = key(record);
    if (!due.has(name)) wrong.push(`input ${name} was never sent`);
    if (seen.has(name)) wrong.push(`input ${name} was written twice`);
    seen.add(name);
  }
  for (const name of due) if (!seen.has(name)) missing.push(`input ${name}`);
  return { missing, wrong };
}
