/** What goes into the application of test/clients/streams, from one seed. */

export interface InputRecord {
  readonly topic: "customers" | "orders" | "payments";
  readonly timestampMs: number;
  readonly key: string;
  readonly value: string;
}

export const CUSTOMERS = 120;
const REGIONS = ["north", "east", "south", "west", "isles", "hills", "coast"];
const STEP_MS = 40;
/** Timestamps go back and forth by so much: windows are entered again. */
const JITTER_MS = 3_000;
const PAID_SHARE = 0.85;
/** A payment follows its order, before it at times, by up to so many orders. */
const PAID_AFTER_ORDERS = 300;
const HIGHEST_AMOUNT = 500;

type Random = () => number;

/** All customers, then orders and payments mixed. Timestamps begin at `baseMs`. */
export function inputOf(random: Random, orderCount: number, baseMs: number): InputRecord[] {
  const records: InputRecord[] = [];
  for (let index = 0; index < CUSTOMERS; index++) {
    records.push({ topic: "customers", timestampMs: baseMs, key: `c${index}`, value: draw(random, REGIONS) });
  }
  const due = new Map<number, InputRecord[]>();
  for (let index = 0; index < orderCount; index++) {
    const timestampMs = baseMs + JITTER_MS + index * STEP_MS + Math.floor(random() * JITTER_MS);
    const key = `o${index}`;
    // The square makes some customers far busier than others.
    const customer = `c${Math.floor(random() ** 2 * CUSTOMERS)}`;
    const amount = 1 + Math.floor(random() * HIGHEST_AMOUNT);
    if (random() < PAID_SHARE) {
      const at = index + Math.floor(random() ** 3 * PAID_AFTER_ORDERS);
      const payment = { topic: "payments", timestampMs: timestampMs + 1, key, value: `${amount}` } as const;
      due.set(at, [...(due.get(at) ?? []), payment]);
    }
    const order = { topic: "orders", timestampMs, key, value: `${customer}|${amount}` } as const;
    const payments = due.get(index) ?? [];
    due.delete(index);
    records.push(...(random() < 0.5 ? [order, ...payments] : [...payments, order]));
  }
  return records;
}

function draw<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)] as T;
}
