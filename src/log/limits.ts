/**
 * A row's batches. SQLite in a Durable Object takes 2 MB a row, and rows of 256 KB and more reach the disk's own
 * speed; one MiB leaves room for the row's index, which is at most 48/61 of its batches.
 */
export const MAX_ROW_BYTES = 1 << 20;

/**
 * What compaction leaves may be longer than what was there: a delete horizon makes each record's timestamp some bytes longer. Where there
 * are no rows to spare, a row's batches and their index may be so long together, which SQLite takes just so.
 */
export const MAX_REWRITTEN_ROW_BYTES = 1_900_000;

/**
 * The largest batch that a log takes, whatever `max.message.bytes` says: it must pass through an object of 128 MB
 * several times at once (frame, staged rows, answers). A batch over MAX_ROW_BYTES lies in several rows.
 */
export const MAX_BATCH_BYTES = 8 << 20;

/** The smallest buffer that a row begins with; they double up to MAX_ROW_BYTES. */
export const MIN_ROW_BUFFER_BYTES = 4 << 10;

/** Rows that are kept in memory after they were written, over all partitions of a broker. */
export const TAIL_MAX_BYTES = 32 << 20;

/** Beyond so many bytes that aren't on the disk yet a broker stops reading from the connections that bring more. */
export const MAX_STAGED_BYTES = 32 << 20;

/** Rows that were read back for readers behind the tail, over all partitions of a broker. */
export const READ_ROWS_MAX_BYTES = 8 << 20;

/** About what such a row and its index take besides their bytes, in JavaScript's memory. */
export const READ_ROW_OVERHEAD_BYTES = 1 << 10;

/** What one miss reads ahead: the rows of a log written record by record are small and many. */
export const READ_AHEAD_ROWS = 256;
export const READ_AHEAD_BYTES = 256 << 10;

/**
 * Searches by time. A batch that inflates to more than LOOKUP_BATCH_MAX_BYTES isn't opened, and a search that has walked
 * LOOKUP_MAX_BYTES opens no more: both take a batch for what its header says. Searches that are made together stop at LOOKUPS_MAX_BYTES.
 */
export const LOOKUP_BATCH_MAX_BYTES = 8 << 20;
export const LOOKUP_MAX_BYTES = 16 << 20;
export const LOOKUPS_MAX_BYTES = 32 << 20;

/** Pieces of a read below this size are joined: a socket takes few large ones faster than many small ones. */
export const JOIN_BELOW_BYTES = 16 << 10;

/** Buffers of forgotten rows that wait to be used again. */
export const SPARE_BUFFERS_MAX_BYTES = 8 << 20;

/** A snapshot is due after so many rows, or so many batches, whichever comes first: that much a restart replays. */
export const SNAPSHOT_EVERY_ROWS = 256;
export const SNAPSHOT_EVERY_BATCHES = 4096;

/** Producers that one partition remembers. The one that has been silent for longest is forgotten first. */
export const MAX_PRODUCERS = 8192;

/**
 * Producers that all partitions of a broker remember together: some 400 bytes each, and clients make up their ids. Beyond it those that
 * have been silent for longest are forgotten, wherever they are, down to PRODUCERS_KEPT of them.
 */
export const MAX_PRODUCERS_PER_BROKER = 50_000;
export const PRODUCERS_KEPT = 45_000;

/** A producer that has been silent for so long is forgotten (`producer.id.expiration.ms`). */
export const PRODUCER_ID_EXPIRATION_MS = 86_400_000;

/** Changes of leader that one partition remembers. The oldest are forgotten first. */
export const MAX_LEADER_EPOCHS = 4096;

/** Row keys are `partition number * 2^37 + sequence` and stay below 2^53. */
export const ROW_SEQUENCES = 2 ** 37;
export const MAX_PARTITION_NUMBER = 2 ** 16 - 1;

/** Rows that nobody reads any more and that one commit removes: SQLite visits every page of them. */
export const DELETION_SLICE_ROWS = 32;

/**
 * Aborted transactions of an active segment, whose index is part of the partition's snapshot, 34 bytes each. A snapshot is one row of the
 * store, at most 2 MB, with MAX_PRODUCERS beside them. When there are so many the segment is sealed.
 */
export const MAX_ABORTED_TRANSACTIONS = 8192;

/** Transactions that may be open in one partition: none of their producers can be forgotten. One more has to wait. */
export const MAX_OPEN_TRANSACTIONS = 4096;

/** Producers of one partition whose first batch of a transaction waits for the coordinator. One that is forgotten is refused and tries again. */
export const MAX_VERIFICATIONS = 4096;

/** Offsets in a segment's index are int32, relative to its first; Kafka rolls before they overflow. */
export const MAX_OFFSETS_PER_SEGMENT = 2 ** 31 - 1;

/** Compaction and packing read so much of a sealed segment at once, beyond the rows that a large batch needs. */
export const SEGMENT_SLICE_BYTES = 1 << 20;

/**
 * What a broker's store holds before segments leave it for the object store, and before it takes no more. An object's SQLite may have 10 GB in
 * production; what lies between 9 GB and that is for coordinators, for deletions, and for what is under way.
 */
export const SPACE_LIMITS = { crowdedBytes: 4 * 2 ** 30, fullBytes: 9 * 2 ** 30 } as const;

/** Where the store is crowded, the active segment of so many bytes or more may be sealed early to leave it. */
export const EARLY_ROLL_MIN_BYTES = 16 << 20;
