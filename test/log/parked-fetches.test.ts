import { describe, expect, it } from "vitest";
import { type ParkedFetch, ParkedFetches } from "#log/parked-fetches.ts";
import { ManualTime } from "../doubles/manual-time.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { appendOne, openLogs, TOPIC } from "./setup.ts";

function setup() {
  const time = new ManualTime(0);
  const parked = new ParkedFetches(time);
  const logs = openLogs(new MemoryLogStore());
  logs.onCommitted((log) => parked.wake(log));
  const partition = (index: number) => logs.getOrCreate(TOPIC, index);
  return { time, parked, logs, partition };
}

/** What has become of a fetch by now. */
async function stateOf(fetch: ParkedFetch): Promise<string> {
  return Promise.race([fetch.done, new Promise<string>((resolve) => setImmediate(resolve, "waiting"))]);
}

describe("parked fetches", () => {
  it("wake by a commit that brings enough, on any of their partitions", async () => {
    const { parked, logs, partition, time } = setup();
    const wanted = [partition(0), partition(1)];
    await logs.committed();
    const count = () => wanted[0].highWatermark + wanted[1].highWatermark;
    const fetch = parked.park(wanted, () => count() >= 2, 5000);
    appendOne(partition(1), { values: ["a"] });
    await logs.committed();
    expect(await stateOf(fetch)).toBe("waiting");
    appendOne(partition(2), { values: ["elsewhere"] });
    appendOne(partition(0), { values: ["b"] });
    await logs.committed();
    expect(await stateOf(fetch)).toBe("satisfied");
    expect([parked.size, time.pending]).toEqual([0, 0]);
  });

  it("end at their deadline", async () => {
    const { parked, partition, time } = setup();
    const fetch = parked.park([partition(0)], () => false, 5000);
    await time.advance(4999);
    expect(await stateOf(fetch)).toBe("waiting");
    await time.advance(1);
    expect(await stateOf(fetch)).toBe("deadline");
    expect([parked.size, time.pending]).toEqual([0, 0]);
  });

  it("leave nothing behind when their connection has gone", async () => {
    const { parked, logs, partition, time } = setup();
    const fetches = [0, 1, 2].map(() => parked.park([partition(0), partition(1)], () => true, 5000));
    expect(parked.size).toBe(3);
    for (const fetch of fetches) fetch.cancel();
    expect(await stateOf(fetches[0])).toBe("cancelled");
    expect([parked.size, time.pending]).toEqual([0, 0]);
    fetches[0].cancel();
    await logs.committed();
    expect(await fetches[0].done).toBe("cancelled");
  });

  it("may share a partition, and may park the same one twice", async () => {
    const { parked, logs, partition } = setup();
    await logs.committed();
    const eager = parked.park([partition(0), partition(0)], () => true, 5000);
    const patient = parked.park([partition(0)], () => false, 5000);
    appendOne(partition(0), { values: ["a"] });
    await logs.committed();
    expect([await stateOf(eager), await stateOf(patient)]).toEqual(["satisfied", "waiting"]);
    expect(parked.size).toBe(1);
  });
});
