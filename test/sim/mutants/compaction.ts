import type { Mutant } from "./mutant.ts";

const CLEAN_BATCH = "src/log/compaction/clean-batch.ts";
const ROUND = "src/log/compaction/round.ts";

/** Bugs in compaction. */
export const COMPACTION_MUTANTS: readonly Mutant[] = [
  {
    name: "compaction takes the last record of each key",
    file: CLEAN_BATCH,
    from: "return walk.offset >= latest.get(",
    to: "return walk.offset > latest.get(",
    seeds: 20,
  },
  {
    name: "a round claims to have compacted what comes behind its segments",
    file: ROUND,
    from: "latest.reaches(cursor.segment.endOffset - 1);",
    to: "latest.reaches(cursor.segment.endOffset + 3);",
    seeds: 40,
  },
  {
    name: "a full map claims the rest of its batch",
    file: "src/log/compaction/index-batch.ts",
    from: "into.latest.reaches(walk.offset - 1);",
    to: "into.latest.reaches(lastOffset);",
    seeds: 40,
  },
  {
    name: "tombstones go at once",
    file: CLEAN_BATCH,
    from: "!hasDeleteHorizon(header.attributes) || rules.nowMs < header.baseTimestamp;",
    to: "false;",
    seeds: 100,
  },
  {
    name: "a delete horizon is set as long ago as it should lie ahead",
    file: CLEAN_BATCH,
    from: "Math.min(rules.nowMs + rules.deleteRetentionMs, MAX_TIMESTAMP_MS)",
    to: "Math.min(rules.nowMs - rules.deleteRetentionMs, MAX_TIMESTAMP_MS)",
    seeds: 100,
  },
  {
    name: "an abort whose marker is gone takes the next transaction along",
    file: "src/log/compaction/transactions.ts",
    from: "if (open === undefined || offset <= open.lastOffset) return open;",
    to: "if (open === undefined || offset >= 0) return open;",
    seeds: 400,
  },
  {
    name: "readers are told of aborted transactions whose markers are gone",
    file: ROUND,
    from: "output.removedMarkers.push(lastOffsetOf(header));",
    to: "void lastOffsetOf(header);",
    seeds: 100,
  },
  {
    name: "transactions that are open are compacted",
    file: "src/log/compaction/cleanable-range.ts",
    from: "    if (segment.endOffset > log.lastStableOffset) return segment.baseOffset;\n",
    to: "",
    seeds: 300,
  },
  {
    name: "aborted records take the place of committed ones",
    file: "src/log/compaction/index-batch.ts",
    from: "} else if (!transactions.isAborted(header.producerId, isTransactional(header.attributes), lastOffset)) {",
    to: "} else if (!transactions.isAborted(header.producerId, false, lastOffset)) {",
    seeds: 100,
  },
  {
    name: "the last batch of a producer goes with its records",
    file: CLEAN_BATCH,
    from: "const staysEmpty = isLastOfProducer(header, rules) ||",
    to: "const staysEmpty =",
    seeds: 200,
  },
  {
    name: "a compacted slice takes a row of the next one along",
    file: "src/log/partition-segments.ts",
    from: "this.rewrites.push({ partitionNumber, fromSequence, endSequence, rows: packed });",
    to: "this.rewrites.push({ partitionNumber, fromSequence, endSequence: endSequence + 1, rows: packed });",
    seeds: 20,
  },
  {
    name: "compaction passes over a row between two slices",
    file: "src/log/compaction/segment-cursor.ts",
    from: "this.nextSequence = this.slice.endSequence;",
    to: "this.nextSequence = this.slice.endSequence + 1;",
    seeds: 40,
  },
  {
    name: "a round says that it has compacted all there is",
    file: ROUND,
    from: "this.log.noteCleaned(this.endOffset);",
    to: "this.log.noteCleaned(this.log.segments.active.baseOffset);",
    seeds: 40,
  },
  {
    name: "what is compacted is not waited for",
    file: "src/log/compaction/compactor.ts",
    from: '      if (step !== "more") await this.options.committed();\n',
    to: "",
    seeds: 40,
  },
  {
    name: "young records are compacted",
    file: "src/log/compaction/cleanable-range.ts",
    from: "if (config.minCompactionLagMs > 0 && ageOf(segment) > youngMs) return segment.baseOffset;",
    to: "if (config.minCompactionLagMs > 0 && ageOf(segment) < youngMs) return segment.baseOffset;",
    seeds: 100,
  },
  {
    name: "memory keeps rows that compaction has replaced",
    file: "src/log/partition-rows.ts",
    from: "    this.dropTailBefore(range.endSequence);\n    this.forgetRead(range);\n    const { changing }",
    to: "    const { changing }",
    seeds: 20,
  },
];
