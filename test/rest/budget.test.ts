import { describe, expect, it } from "vitest";
import { ByteBudget } from "#rest/budget.ts";
import { BUDGET_WAIT_MS, LEASE_MS, MAX_BUDGET_WAITERS } from "#rest/limits.ts";
import { ManualTime, settle } from "../doubles/manual-time.ts";

function budget(maxBytes = 100) {
  const time = new ManualTime();
  const made = new ByteBudget(maxBytes);
  return { time, budget: made, take: (bytes: number) => made.take(bytes, { clock: time, timers: time }) };
}

/** What the requests see whose runtime has dropped them: their timers never fire. */
const deadTimers = { set: () => ({ cancel: () => {} }) };

describe("a byte budget", () => {
  it("lends what it has, and no more", async () => {
    const { budget: shared, take, time } = budget();
    const first = await take(60);
    expect(shared.tryTake(41, time)).toBeNull();
    expect(shared.tryTake(40, time)).not.toBeNull();
    first?.shrinkTo(50);
    first?.shrinkTo(55);
    expect(shared.tryTake(11, time)).toBeNull();
    expect(shared.tryTake(10, time)).not.toBeNull();
    first?.release();
    first?.release();
    expect(shared.tryTake(51, time)).toBeNull();
    expect(shared.tryTake(50, time)).not.toBeNull();
  });

  it("serves those who wait in order, even where a later one would fit", async () => {
    const { budget: shared, take, time } = budget();
    const first = await take(90);
    const order: string[] = [];
    const large = take(80).then((lease) => order.push("large") && lease);
    const small = take(5).then((lease) => order.push("small") && lease);
    await settle();
    expect(shared.tryTake(1, time)).toBeNull();
    expect(order).toEqual([]);
    first?.release();
    expect(await large).not.toBeNull();
    expect(await small).not.toBeNull();
    expect(order).toEqual(["large", "small"]);
    expect(time.pending).toBe(0);
  });

  it("lets nobody wait for ever, nor those behind them", async () => {
    const { take, time } = budget();
    await take(90);
    const large = take(80);
    await time.advance(BUDGET_WAIT_MS - 1);
    const small = take(5);
    await time.advance(1);
    expect(await large).toBeNull();
    expect(await small).not.toBeNull();
    expect(time.pending).toBe(0);
  });

  it("lets so many wait, and nobody for what it never has", async () => {
    const { take, time } = budget();
    expect(await take(101)).toBeNull();
    await take(100);
    const waiting = Array.from({ length: MAX_BUDGET_WAITERS }, () => take(1));
    expect(await take(1)).toBeNull();
    expect(time.pending).toBe(MAX_BUDGET_WAITERS);
    await time.advance(BUDGET_WAIT_MS);
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => null));
  });

  it("gets over holders and waiters that were dropped", async () => {
    const { budget: shared, take, time } = budget();
    const lost = await take(100);
    void shared.take(100, { clock: time, timers: deadTimers });
    await time.advance(LEASE_MS);
    const lease = await take(100);
    expect(lease).not.toBeNull();
    lost?.release();
    expect(shared.tryTake(1, time)).toBeNull();
  });
});
