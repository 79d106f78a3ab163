import type { Mutant } from "./mutant.ts";

const SEGMENTS = "src/log/partition-segments.ts";
const OFFLOADER = "src/log/tiering/offloader.ts";
const READER = "src/log/tiering/tiered-reader.ts";
const RETENTION = "src/log/retention.ts";

/** Bugs in segments, in the object store and in retention. */
export const TIERING_MUTANTS: readonly Mutant[] = [
  {
    name: "a copy to the object store that failed counts",
    file: OFFLOADER,
    from: 'if (outcome.kind === "stored") return { key, ...packer.layout };',
    to: "if (outcome.kind !== null) return { key, ...packer.layout };",
    seeds: 20,
  },
  {
    name: "an object is garbage although a segment refers to it",
    file: SEGMENTS,
    from: "    this.referenced.push(object.key);\n",
    to: "",
    seeds: 20,
  },
  {
    name: "a row of the next segment leaves with a copied one",
    file: SEGMENTS,
    from: "removals.add(rows.dropBefore(segment.endSequence));",
    to: "removals.add(rows.dropBefore(Math.min(segment.endSequence + 1, rows.nextSequence)));",
    seeds: 20,
  },
  {
    name: "a sealed segment has no index of its aborted transactions",
    file: SEGMENTS,
    from: "this.staged.push(segment.newRecord(partitionNumber, { snapshot, aborted }));",
    to: "this.staged.push(segment.newRecord(partitionNumber, { snapshot, aborted: aborted.subarray(0, 0) }));",
    seeds: 20,
  },
  {
    name: "a restart forgets that segments have aborted transactions",
    file: "src/log/segments.ts",
    from: "    this.hasAborted = record.hasAborted;\n",
    to: "    this.hasAborted = record.hasAborted && record.endSequence > record.fromSequence;\n",
    seeds: 100,
  },
  {
    name: "the latest tiered offset is told before its commit",
    file: SEGMENTS,
    from: "    return this.durablePlaces;\n",
    to: "    return this.places;\n",
    seeds: 300,
  },
  {
    name: "the log start is told before its commit",
    file: "src/log/partition-log.ts",
    from: "    return this.durableStartOffset;\n",
    to: "    return this.startOffset;\n",
    seeds: 300,
  },
  {
    name: "the object of a deleted segment is forgotten",
    file: SEGMENTS,
    from: "      if (segment.object !== null) this.unreferenced.push(segment.object.key);\n    }\n    if (count > 0)",
    to: "    }\n    if (count > 0)",
    seeds: 20,
  },
  {
    name: "a process deletes at once what one before it may still be writing",
    file: "src/log/tiering/object-garbage.ts",
    from: "    if (options.store.garbage(1).length > 0) this.wakeAfter(LATE_PUT_MS);\n",
    to: "    this.committed();\n",
    seeds: 100,
  },
  {
    name: "a key is not written down before its object",
    file: OFFLOADER,
    from: "      await garbage.reserve(key);\n",
    to: "",
    seeds: 20,
  },
  {
    name: "a range of an object is read one byte short",
    file: "src/log/tiering/object-pieces.ts",
    from: "const length = Math.min(PIECE_BYTES, object.batchBytes - from);",
    to: "const length = Math.min(PIECE_BYTES, object.batchBytes - from) - 1;",
    seeds: 20,
  },
  {
    name: "a tiered read begins with the batch behind the one that it was asked for",
    file: READER,
    from: "    if (lastOffsetOf(header) >= offset) return at;",
    to: "    if (lastOffsetOf(header) > offset) return at;",
    seeds: 20,
  },
  {
    name: "a tiered read that ends early goes on in the next segment",
    file: READER,
    from: "if (first === window.end) return batchesRead([], segment.endOffset);",
    to: "if (first === window.end || first > from) return batchesRead([], segment.endOffset);",
    seeds: 20,
  },
  {
    name: "retention by size takes a segment too many",
    file: RETENTION,
    from: "    return excess >= 0;\n  });",
    to: "    return excess + sizeInBytes >= 0;\n  });",
    seeds: 20,
  },
  {
    name: "retention goes by half the age",
    file: RETENTION,
    from: "nowMs - newestMs > retentionMs);",
    to: "nowMs - newestMs > retentionMs / 2);",
    seeds: 20,
  },
  {
    name: "an active segment never expires",
    file: RETENTION,
    from: "  if (sizeInBytes > 0) yield { endOffset",
    to: "  if (sizeInBytes < 0) yield { endOffset",
    seeds: 20,
  },
  {
    name: "rows of the segment that holds the log start go with those before it",
    file: SEGMENTS,
    from: "    while (count < this.all.length && this.all[count].endOffset <= logStartOffset) count += 1;\n",
    to: "    while (count < this.all.length && this.all[count].baseOffset < logStartOffset) count += 1;\n",
    seeds: 20,
  },
];
