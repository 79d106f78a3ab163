import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimerTable } from "#coordinator/timer-table.ts";

const MEANING = { kind: "expire-offsets" } as const;
const KEYS = ["a", "b", "c", "d", "e"];

const step = fc.record({
  kind: fc.constantFrom("set" as const, "set" as const, "set" as const, "cancel" as const, "fire" as const),
  key: fc.constantFrom(...KEYS),
  atMs: fc.nat({ max: 20 }),
});

describe("the timer table", () => {
  it("knows the earliest deadline, whatever was set, moved, cancelled and fired", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const table = new TimerTable<typeof MEANING>();
        const model = new Map<string, number>();
        for (const { kind, key, atMs } of steps) {
          if (kind === "set") {
            table.set(key, MEANING, atMs);
            model.set(key, atMs);
          } else if (kind === "cancel") {
            expect(table.cancel(key)).toBe(model.delete(key));
          } else {
            const isDue = (model.get(key) ?? Number.POSITIVE_INFINITY) <= atMs;
            expect(table.fire(key, atMs)).toBe(isDue ? MEANING : null);
            if (isDue) model.delete(key);
          }
          const earliest = model.size === 0 ? null : Math.min(...model.values());
          const next = table.next();
          expect(next?.deadlineMs ?? null).toBe(earliest);
          if (next !== null) expect(model.get(next.key)).toBe(earliest);
        }
      }),
    );
  });

  it("fires timers of one moment in the order in which they were set", () => {
    const table = new TimerTable<typeof MEANING>();
    for (const key of KEYS) table.set(key, MEANING, 5);
    const fired = KEYS.map(() => {
      const key = table.next()?.key ?? "";
      table.fire(key, 5);
      return key;
    });
    expect(fired).toEqual(KEYS);
  });

  it("doesn't grow with heartbeats, nor with timers that are cancelled", () => {
    const table = new TimerTable<typeof MEANING>();
    for (let i = 0; i < 10_000; i++) table.set("heartbeat", MEANING, i);
    expect(table.queuedCount).toBe(1);
    for (let i = 0; i < 10_000; i++) {
      table.set(`one ${i}`, MEANING, 1_000_000 + i);
      table.cancel(`one ${i}`);
    }
    expect(table.queuedCount).toBeLessThan(200);
    expect(table.next()).toMatchObject({ key: "heartbeat", deadlineMs: 9_999 });
  });
});
