import type { Rewrite } from "./rewrite.ts";

/**
 * The core's limits, made so small that a minute of simulated time meets all of them: rows fill up, batches span rows, the cache forgets,
 * snapshots are taken, removals go in slices, blocks of producer ids run out, connections are held back.
 */
const SMALL: readonly (readonly [file: string, name: string, was: string, value: string])[] = [
  ["src/log/limits.ts", "MAX_ROW_BYTES", "1 << 20", "4 << 10"],
  ["src/log/limits.ts", "MIN_ROW_BUFFER_BYTES", "4 << 10", "1 << 9"],
  ["src/log/limits.ts", "TAIL_MAX_BYTES", "32 << 20", "16 << 10"],
  ["src/log/limits.ts", "READ_ROWS_MAX_BYTES", "8 << 20", "8 << 10"],
  ["src/log/limits.ts", "READ_AHEAD_ROWS", "256", "3"],
  ["src/log/limits.ts", "READ_AHEAD_BYTES", "256 << 10", "4 << 10"],
  ["src/log/limits.ts", "JOIN_BELOW_BYTES", "16 << 10", "256"],
  ["src/log/limits.ts", "SPARE_BUFFERS_MAX_BYTES", "8 << 20", "16 << 10"],
  ["src/log/limits.ts", "SNAPSHOT_EVERY_ROWS", "256", "6"],
  ["src/log/limits.ts", "SNAPSHOT_EVERY_BATCHES", "4096", "24"],
  ["src/log/limits.ts", "DELETION_SLICE_ROWS", "32", "2"],
  ["src/log/limits.ts", "MAX_STAGED_BYTES", "32 << 20", "64 << 10"],
  ["src/log/tiering/limits.ts", "PIECE_BYTES", "1 << 20", "1 << 12"],
  ["src/log/tiering/limits.ts", "PIECES_MAX_BYTES", "16 << 20", "3 << 12"],
  ["src/log/tiering/limits.ts", "INDEXES_MAX_BYTES", "8 << 20", "1 << 12"],
  ["src/log/tiering/limits.ts", "TIERED_READ_MAX_BYTES", "4 << 20", "2 << 12"],
  ["src/log/tiering/limits.ts", "MAX_TIERED_READS", "4", "2"],
  ["src/log/compaction/limits.ts", "SLICE_MAX_BYTES", "1 << 20", "2 << 10"],
  ["src/log/compaction/limits.ts", "SLICE_MAX_RECORDS", "4_096", "20"],
  ["src/log/compaction/limits.ts", "OFFSET_MAP_MAX_BYTES", "12 << 20", "24 * 8"],
  ["src/coordinator/limits.ts", "REWRITE_MIN_RECORDS", "50_000", "40"],
  ["src/cluster/limits.ts", "PRODUCER_ID_BLOCK_SIZE", "1_000", "2"],
  ["src/broker/connection.ts", "MAX_REQUESTS_IN_FLIGHT", "128", "4"],
  ["src/broker/fetch/sessions.ts", "MAX_FETCH_SESSIONS", "1_000", "3"],
];

const HIDDEN: readonly Rewrite[] = [
  {
    file: "src/log/maintenance.ts",
    from: "const INITIAL_DELAY_MS = 30_000;",
    to: "const INITIAL_DELAY_MS = 500;",
  },
  // Topics may not ask for less than 1 MiB.
  {
    file: "src/cluster/settings.ts",
    from: 'segmentBytes: number("segment.bytes"),',
    to: 'segmentBytes: Math.ceil(number("segment.bytes") / 512),',
  },
  {
    file: "src/log/tiering/offloader.ts",
    from: "const RETRY_MS = 30_000;",
    to: "const RETRY_MS = 700;",
  },
  {
    file: "src/log/tiering/object-garbage.ts",
    from: "const RETRY_MS = 30_000;",
    to: "const RETRY_MS = 700;",
  },
  { file: "src/log/recovery.ts", from: "const REPLAY_SLICE_ROWS = 64;", to: "const REPLAY_SLICE_ROWS = 3;" },
  {
    file: "src/broker/coordinator/environment.ts",
    from: "const REPLAY_STEP_BYTES = 1024 * 1024;",
    to: "const REPLAY_STEP_BYTES = 2000;",
  },
  {
    file: "src/broker/coordinator/environment.ts",
    from: "const REPLAY_TURN_BYTES = 2 * 1024 * 1024;",
    to: "const REPLAY_TURN_BYTES = 3000;",
  },
  {
    file: "src/broker/coordinator/batches.ts",
    from: "const MAX_REWRITE_BYTES = 256 * 1024;",
    to: "const MAX_REWRITE_BYTES = 300;",
  },
];

export const SMALL_LIMITS: readonly Rewrite[] = [
  ...SMALL.map(([file, name, was, value]) => ({
    file,
    from: `export const ${name} = ${was};`,
    to: `export const ${name} = ${value};`,
  })),
  ...HIDDEN,
];
