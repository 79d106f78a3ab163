/** What must come out of the application of test/clients/streams, computed from what went in. */
import type { InputRecord } from "./input.ts";

/** As in ShopTopology.java. */
const WINDOW_MS = 10_000;

export interface Expected {
  /** order → customer, and order|amount|region */
  readonly enriched: ReadonlyMap<string, { readonly customer: string; readonly value: string }>;
  /** customer → count|sum */
  readonly totals: ReadonlyMap<string, string>;
  /** region@start of the window → count */
  readonly windows: ReadonlyMap<string, number>;
  /** order → customer|amount|amount paid */
  readonly paid: ReadonlyMap<string, string>;
}

export function expectedOf(records: readonly InputRecord[]): Expected {
  const regions = new Map<string, string>();
  const payments = new Map<string, string>();
  for (const { topic, key, value } of records) {
    if (topic === "customers") regions.set(key, value);
    if (topic === "payments") payments.set(key, value);
  }
  const enriched = new Map<string, { customer: string; value: string }>();
  const sums = new Map<string, { count: number; sum: number }>();
  const windows = new Map<string, number>();
  const paid = new Map<string, string>();
  for (const { topic, key, value, timestampMs } of records) {
    if (topic !== "orders") continue;
    const [customer, amount] = value.split("|") as [string, string];
    const region = regions.get(customer) as string;
    enriched.set(key, { customer, value: `${key}|${amount}|${region}` });
    const { count, sum } = sums.get(customer) ?? { count: 0, sum: 0 };
    sums.set(customer, { count: count + 1, sum: sum + Number(amount) });
    const window = `${region}@${timestampMs - (timestampMs % WINDOW_MS)}`;
    windows.set(window, (windows.get(window) ?? 0) + 1);
    const payment = payments.get(key);
    if (payment !== undefined) paid.set(key, `${value}|${payment}`);
  }
  const totals = new Map([...sums].map(([customer, { count, sum }]) => [customer, `${count}|${sum}`]));
  return { enriched, totals, windows, paid };
}
