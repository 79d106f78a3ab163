import { describe, expect, it } from "vitest";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { append, appendOne, batchOf, OTHER_TOPIC, openLogs, readAll, TOPIC } from "./setup.ts";

/** Holds every commit of a store back until it is let go. */
function gate(store: MemoryLogStore): { release(): void } {
  let waiting: (() => void)[] = [];
  store.beforeCommit = () => new Promise((resolve) => waiting.push(resolve));
  return {
    release() {
      const all = waiting;
      waiting = [];
      for (const resolve of all) resolve();
    },
  };
}

async function turns(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("group commit", () => {
  it("gathers what arrives while a commit is under way into the next one, over all partitions", async () => {
    const store = new MemoryLogStore();
    const { release } = gate(store);
    const logs = openLogs(store);
    appendOne(logs.getOrCreate(TOPIC, 0), { values: ["first"] });
    await turns();
    for (let i = 0; i < 50; i++) appendOne(logs.getOrCreate(i % 2 ? TOPIC : OTHER_TOPIC, i % 5), { values: [`${i}`] });
    const done = logs.committed();
    release();
    await turns();
    expect(store.commits).toBe(1);
    release();
    await done;
    expect(store.commits).toBe(2);
    // One row for the first commit, one for each of the ten partitions in the second.
    expect(store.rowCount).toBe(11);
  });

  it("shows consumers nothing before it is on the disk", async () => {
    const store = new MemoryLogStore();
    const { release } = gate(store);
    const logs = openLogs(store);
    const log = logs.getOrCreate(TOPIC, 0);
    appendOne(log, { values: ["a", "b"] });
    await turns();
    appendOne(log, { values: ["c"] });
    expect([log.logEndOffset, log.highWatermark]).toEqual([3, 0]);
    const read = log.read(0, { maxBytes: 9999, upperBound: log.highWatermark, minOneMessage: true });
    expect(read).toMatchObject({ kind: "read", sizeInBytes: 0 });
    const firstDone = logs.committed();
    release();
    await turns();
    expect([log.logEndOffset, log.highWatermark]).toEqual([3, 2]);
    release();
    await firstDone;
    expect(log.highWatermark).toBe(3);
  });

  it("counts what isn't on the disk yet", async () => {
    const logs = openLogs(new MemoryLogStore());
    appendOne(logs.getOrCreate(TOPIC, 0), { values: ["x".repeat(100_000)] });
    appendOne(logs.getOrCreate(TOPIC, 1), { values: ["x".repeat(100_000)] });
    expect(logs.stagedBytes).toBe(2 * 131_072);
    await logs.deleteTopic(TOPIC);
    expect(logs.stagedBytes).toBe(0);
    appendOne(logs.getOrCreate(OTHER_TOPIC, 0), { values: ["x"] });
    expect(logs.stagedBytes).toBe(4096);
    await logs.committed();
    expect(logs.stagedBytes).toBe(0);
  });

  it("lets committed() wait for exactly what was staged before", async () => {
    const store = new MemoryLogStore();
    const { release } = gate(store);
    const logs = openLogs(store);
    await logs.committed();
    const log = logs.getOrCreate(TOPIC, 0);
    const order: string[] = [];
    appendOne(log, { values: ["a"] });
    void logs.committed().then(() => order.push("a"));
    await turns();
    // Nothing new: the one under way is waited for.
    void logs.committed().then(() => order.push("a again"));
    appendOne(log, { values: ["b"] });
    void logs.committed().then(() => order.push("b"));
    release();
    await turns();
    expect(order).toEqual(["a", "a again"]);
    release();
    await turns();
    expect(order).toEqual(["a", "a again", "b"]);
  });

  it("moves high watermarks and tells listeners before it lets the waiters go", async () => {
    const logs = openLogs(new MemoryLogStore());
    const seen: string[] = [];
    logs.onCommitted((partition) => seen.push(`partition ${partition.partitionIndex} at ${partition.highWatermark}`));
    appendOne(logs.getOrCreate(TOPIC, 3), { values: ["a"] });
    appendOne(logs.getOrCreate(TOPIC, 4), { values: ["a", "b"] });
    await logs.committed().then(() => seen.push("waiter"));
    expect(seen).toEqual(["partition 3 at 1", "partition 4 at 2", "waiter"]);
  });

  it("makes a failed commit final for all who wait, and for what comes", async () => {
    const store = new MemoryLogStore();
    const failure = new Error("the disk is full");
    store.beforeCommit = () => Promise.reject(failure);
    const reported: unknown[] = [];
    const logs = openLogs(store);
    const failing = openLogs(store, undefined, (error) => reported.push(error));
    const log = failing.getOrCreate(TOPIC, 0);
    appendOne(log, { values: ["a"] });
    const first = failing.committed();
    await expect(first).rejects.toBe(failure);
    await expect(failing.committed()).rejects.toBe(failure);
    expect(reported).toEqual([failure]);
    expect(log.highWatermark).toBe(0);
    expect(() => append(log, batchOf({ values: ["b"] }))).toThrow("opened anew");
    expect(logs.topicIds()).toEqual([]);
  });

  it("loses nothing that was committed and keeps nothing else, wherever it crashes", async () => {
    // The disk is copied between any two turns of a run; each copy must hold a prefix, and at least what was answered.
    const store = new MemoryLogStore();
    const logs = openLogs(store);
    const log = logs.getOrCreate(TOPIC, 0);
    const written: string[] = [];
    let answered = 0;
    let crashes = 0;
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i <= round % 3; i++) {
        const value = `${round}.${i}`;
        appendOne(log, { values: [value], producerId: 1, producerEpoch: 0, baseSequence: written.length });
        written.push(value);
        const end = written.length;
        void logs.committed().then(() => {
          answered = Math.max(answered, end);
        });
      }
      for (let turn = 0; turn <= round % 4; turn++) {
        await Promise.resolve();
        const revived = openLogs(store.crashed()).get(TOPIC, 0);
        const values = revived === undefined ? [] : readAll(revived).map(({ value }) => value);
        expect(values.length).toBeGreaterThanOrEqual(answered);
        expect(values).toEqual(written.slice(0, values.length));
        crashes += 1;
      }
    }
    await logs.committed();
    expect(answered).toBe(written.length);
    expect(crashes).toBe(100);
  });

  it("goes on after a crash where the disk ends, and takes a repeated batch for what it is", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store);
    const log = logs.getOrCreate(TOPIC, 0);
    const send = (to: typeof log, baseSequence: number) =>
      append(to, batchOf({ values: [`${baseSequence}`], producerId: 1, producerEpoch: 0, baseSequence }));
    send(log, 0);
    send(log, 1);
    await logs.committed();
    send(log, 2);
    const revived = openLogs(store.crashed()).getOrCreate(TOPIC, 0);
    expect(revived.logEndOffset).toBe(2);
    expect(send(revived, 1)).toMatchObject({ duplicate: true, baseOffset: 1 });
    expect(send(revived, 2)).toMatchObject({ duplicate: false, baseOffset: 2 });
  });
});
