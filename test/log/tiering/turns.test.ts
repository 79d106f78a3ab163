/** Reads of objects take turns: nobody waits for ever, nobody reads for nothing, and nothing piles up. */
import { describe, expect, it } from "vitest";
import { MAX_TIERED_READS, MAX_WAITING_TIERED_READS, TIERED_WAIT_MS } from "#log/tiering/limits.ts";
import { CHECK_INTERVAL_MS, TieredWorld } from "./world.ts";

const UNAVAILABLE = { kind: "failed", failure: "unavailable" };
const LATE = { kind: "failed", failure: "late" };

/** Three segments of ten records in objects, whose answers wait for `open`. */
async function heldWorld() {
  const world = new TieredWorld({ remoteStorageEnable: true, localRetentionMs: 0 });
  await world.fill(30);
  await world.time.advance(2 * CHECK_INTERVAL_MS);
  await world.quiet();
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  world.objects.beforeCall = (call) => (call === "getRange" ? opened : Promise.resolve());
  world.objects.reads.length = 0;
  const told: string[] = [];
  /** Tells under `name` how the read ends. */
  const read = (name: string, offset: number, isThere?: () => boolean) => {
    const segment = world.log.tieredSegmentAt(offset);
    if (segment === null) throw new Error(`offset ${offset} isn't tiered`);
    const limits = { maxBytes: 1000, upperBound: world.log.highWatermark, minOneMessage: true };
    const reading = world.patiently((patience) => world.reader.read(segment, offset, limits, patience), isThere);
    void reading.then((outcome) => told.push(`${name} ${outcome.kind === "failed" ? outcome.failure : outcome.kind}`));
    return reading;
  };
  const keyAt = (offset: number) => world.log.tieredSegmentAt(offset)?.object?.key ?? "";
  for (let i = 0; i < MAX_TIERED_READS; i++) void read("first", 20);
  return { world, open, read, told, keyAt };
}

describe("reads of objects that wait for their turn", () => {
  it("are woken also behind one whose segment has been deleted meanwhile", async () => {
    const { world, open, read, told } = await heldWorld();
    for (let i = 0; i < MAX_TIERED_READS; i++) void read("deleted", 3);
    void read("next", 20);
    void read("last", 20);
    world.log.deleteRecordsBefore(10);
    await world.quiet();
    expect(told).toEqual([]);
    open();
    await world.quiet();
    const deleted = Array(MAX_TIERED_READS).fill("deleted missing");
    expect(told.filter((one) => !one.startsWith("first"))).toEqual([...deleted, "next read", "last read"]);
    // All turns are free again.
    for (let i = 0; i < 2 * MAX_TIERED_READS; i++) expect((await read("later", 20)).kind).toBe("read");
  });

  it("are so many at most, and one more is told to come again", async () => {
    const { world, open, read, told } = await heldWorld();
    for (let i = 0; i < MAX_WAITING_TIERED_READS; i++) void read("waiting", 20);
    expect(await read("refused", 20)).toEqual(UNAVAILABLE);
    open();
    await world.quiet();
    expect(told.filter((one) => one === "waiting read")).toHaveLength(MAX_WAITING_TIERED_READS);
    expect((await read("later", 20)).kind).toBe("read");
  });

  it("end when their time is over, and leave their place to others; those under way keep their turn until their call ends", async () => {
    const { world, open, read, told } = await heldWorld();
    for (let i = 0; i < MAX_WAITING_TIERED_READS; i++) void read("waiting", 20);
    await world.time.advance(TIERED_WAIT_MS - 1);
    expect(told).toEqual([]);
    await world.time.advance(1);
    await world.quiet();
    const late = [
      ...Array(MAX_TIERED_READS).fill("first late"),
      ...Array(MAX_WAITING_TIERED_READS).fill("waiting late"),
    ];
    expect([...told].sort()).toEqual(late);
    const calls = world.objects.reads.length;
    const next = read("next", 3);
    await world.quiet();
    expect(world.objects.reads).toHaveLength(calls);
    open();
    expect((await next).kind).toBe("read");
  });

  it("read nothing for somebody who has gone", async () => {
    const { world, open, read, told, keyAt } = await heldWorld();
    let isThere = true;
    const gone = read("gone", 13, () => isThere);
    void read("there", 3, () => true);
    isThere = false;
    const keys = { gone: keyAt(13), there: keyAt(3) };
    open();
    expect(await gone).toEqual(LATE);
    await world.quiet();
    expect(told).toContain("there read");
    const wasRead = (key: string) => world.objects.reads.some((one) => one.startsWith(key));
    expect([wasRead(keys.there), wasRead(keys.gone)]).toEqual([true, false]);
  });
});
