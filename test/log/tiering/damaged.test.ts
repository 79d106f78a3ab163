/** Objects whose batches aren't what was written: a read says so, and comes to an end. */
import { describe, expect, it } from "vitest";
import { CHECK_INTERVAL_MS, TieredWorld } from "./world.ts";

const BATCH_LENGTH_AT = 8;
const MAGIC_AT = 16;
const LOG_OVERHEAD_BYTES = 12;

const length = (sizeInBytes: number) => (header: DataView) =>
  header.setInt32(BATCH_LENGTH_AT, sizeInBytes - LOG_OVERHEAD_BYTES);

const DAMAGE: readonly [string, (header: DataView) => void][] = [
  ["another magic", (header) => header.setInt8(MAGIC_AT, 1)],
  ["a size below that of a header", length(60)],
  ["no size at all", length(0)],
  ["a size that leads back", length(-100)],
  ["a size that leads behind the end", length(1 << 20)],
];

/** One segment of ten batches in an object, of which the second one's header is damaged. */
async function damagedWorld(damage: (header: DataView) => void): Promise<TieredWorld> {
  const world = new TieredWorld({ remoteStorageEnable: true, localRetentionMs: 0 });
  await world.fill(11);
  await world.time.advance(2 * CHECK_INTERVAL_MS);
  await world.quiet();
  const bytes = world.objects.objects.get(world.log.tieredSegmentAt(0)?.object?.key ?? "");
  if (bytes === undefined) throw new Error("there is no object");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const second = LOG_OVERHEAD_BYTES + view.getInt32(BATCH_LENGTH_AT);
  damage(new DataView(bytes.buffer, bytes.byteOffset + second));
  return world;
}

describe("a batch in an object with", () => {
  it.each(DAMAGE)("%s ends a read as broken", async (_, damage) => {
    const world = await damagedWorld(damage);
    await expect(world.read(0, 1 << 20)).rejects.toThrow("broken");
    await expect(world.read(1, 1)).rejects.toThrow("broken");
    await expect(world.read(2, 1)).rejects.toThrow("broken");
  });

  it.each(DAMAGE)("%s ends a search by time as broken", async (_, damage) => {
    const world = await damagedWorld(damage);
    const broken = { kind: "failed", failure: "broken" };
    const segment = world.log.tieredSegmentAt(0);
    if (segment === null) throw new Error("nothing is tiered");
    const nothing = { first: () => null, largest: () => null } as unknown as Parameters<typeof world.reader.largest>[2];
    const firstAt = world.patiently((patience) => world.reader.firstAt(segment, 0, nothing, patience));
    expect(await firstAt).toEqual(broken);
    world.log.deleteRecordsBefore(1);
    const largest = world.patiently((patience) => world.reader.largest(segment, 1, nothing, patience));
    expect(await largest).toEqual(broken);
  });
});
