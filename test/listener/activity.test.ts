import { describe, expect, it } from "vitest";
import { ActivityWatch, MAX_IDLE_MS, MAX_WRITE_MS } from "#worker/listener/activity.ts";

describe("the watch over connections", () => {
  it("closes what has been silent for too long, and nothing else", () => {
    const watch = new ActivityWatch();
    const stale: string[] = [];
    for (const name of ["silent", "busy"]) watch.watch().onStale = () => stale.push(name);
    watch.sweep(Date.now() + MAX_IDLE_MS - 1_000);
    expect(stale).toEqual([]);
    watch.sweep(Date.now() + MAX_IDLE_MS + 1_000);
    expect(stale).toEqual(["silent", "busy"]);
  });

  it("closes a connection whose client takes nothing of an answer", () => {
    const watch = new ActivityWatch();
    const stuck = watch.watch();
    let closed = 0;
    stuck.onStale = () => (closed += 1);
    stuck.writing();
    watch.sweep(Date.now() + MAX_WRITE_MS + 1_000);
    expect(closed).toBe(1);
    stuck.written();
    watch.sweep(Date.now() + MAX_WRITE_MS + 1_000);
    expect(closed).toBe(1);
    watch.unwatch(stuck);
    expect(watch.size).toBe(0);
  });
});
