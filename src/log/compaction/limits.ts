/**
 * The memory of the map from keys to offsets; Kafka's `log.cleaner.dedupe.buffer.size` is ten times as large, but its broker has no 128 MB to
 * live in. While the map grows to its last size, half as much again is in use for a moment.
 */
export const OFFSET_MAP_MAX_BYTES = 12 << 20;

/** Of the slots of the map so many are used at most: beyond it a search meets too many of the others. */
export const OFFSET_MAP_LOAD = 0.8;

/**
 * The map begins with a slot for so many dirty bytes, so that it hardly ever has to grow, which would be the longest step of all; at least with
 * OFFSET_MAP_FIRST_SLOTS. Its slots double.
 */
export const DIRTY_BYTES_PER_SLOT = 16;
export const OFFSET_MAP_FIRST_SLOTS = 1024;

/**
 * What one slice of compaction reads, whichever comes first; then everybody else has a turn. It is what a produce waits for at most, beside
 * its own commit: 5 to 10 ms. One batch is never split, though, so a slice with a batch of more records takes as long as the produce of that
 * batch took.
 */
export const SLICE_MAX_BYTES = 1 << 20;
export const SLICE_MAX_RECORDS = 4_096;

/** A segment's index tells offsets from its base in 31 bits; segments are made one no further than that. */
export const MAX_SEGMENT_OFFSETS = 2 ** 31 - 1;
