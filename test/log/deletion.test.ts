import { describe, expect, it } from "vitest";
import { DELETION_SLICE_ROWS } from "#log/limits.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { appendOne, OTHER_TOPIC, openLogs, readValues, TOPIC } from "./setup.ts";

const ROWS = DELETION_SLICE_ROWS * 2 + 1;

/** Two partitions of a topic that is to be deleted, and one that stays. */
async function stored(): Promise<MemoryLogStore> {
  const store = new MemoryLogStore();
  const logs = openLogs(store);
  const all = [logs.getOrCreate(TOPIC, 0), logs.getOrCreate(TOPIC, 1), logs.getOrCreate(OTHER_TOPIC, 0)];
  for (let i = 0; i < ROWS; i++) {
    for (const log of all) appendOne(log, { values: [`${i}`] });
    await logs.committed();
  }
  return store;
}

/** Commits go on by themselves until nothing is left to remove. */
async function settled(store: MemoryLogStore): Promise<void> {
  for (let before = -1; before !== store.commits; ) {
    before = store.commits;
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }
}

describe("deleting a topic that nobody has opened", () => {
  it("reads nothing of it, so that a broken one goes, too", async () => {
    const store = (await stored()).reopened();
    const unreadable = () => {
      throw new Error("this row is broken");
    };
    Object.assign(store, { snapshot: unreadable, indexes: unreadable, rows: unreadable, head: unreadable });
    const logs = openLogs(store);
    expect(logs.openLogsOf(TOPIC)).toEqual([]);
    await logs.deleteTopic(TOPIC);
    expect(logs.topicIds()).toEqual([OTHER_TOPIC]);
    await settled(store);
    const after = store.reopened();
    expect(after.partitions().map(({ topicId }) => topicId)).toEqual([OTHER_TOPIC]);
    expect(after.rowCount).toBe(ROWS);
    const left = openLogs(after).getOrCreate(OTHER_TOPIC, 0);
    expect(readValues(left, 0)).toHaveLength(ROWS);
  });

  it("goes on after a crash, and is deleted for good from its first commit on", async () => {
    const store = (await stored()).reopened();
    const logs = openLogs(store);
    await logs.deleteTopic(TOPIC);
    const crashed = store.crashed();
    expect(crashed.partitions().filter((entry) => entry.deleted)).toHaveLength(2);
    expect(crashed.rowCount).toBeGreaterThan(ROWS);
    const again = openLogs(crashed);
    expect(again.topicIds()).toEqual([OTHER_TOPIC]);
    expect(again.getOrCreate(TOPIC, 0).logEndOffset).toBe(0);
    await settled(crashed);
    expect(crashed.rowCount).toBe(ROWS);
  });

  it("deletes what is open and what isn't together", async () => {
    const store = (await stored()).reopened();
    const logs = openLogs(store);
    const log = logs.getOrCreate(TOPIC, 1);
    expect(logs.openLogsOf(TOPIC)).toEqual([log]);
    await logs.deleteTopic(TOPIC);
    expect(log.isClosed).toBe(true);
    await settled(store);
    expect(store.rowCount).toBe(ROWS);
    expect(store.partitions()).toHaveLength(1);
  });
});
