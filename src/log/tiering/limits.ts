/** Objects are read in pieces of this size, aligned to it. */
export const PIECE_BYTES = 1 << 20;

/** Pieces that are kept for all readers of a broker; beyond it the one unused for longest goes. */
export const PIECES_MAX_BYTES = 16 << 20;

/** Indexes that are kept; a segment of 1 GB with Kafka's default interval has at most 5 MB of them. */
export const INDEXES_MAX_BYTES = 8 << 20;

/** What one read of one partition takes from an object at most, but for a single larger batch. */
export const TIERED_READ_MAX_BYTES = 4 << 20;

/** Reads of objects that are under way at once; the others wait. */
export const MAX_TIERED_READS = 4;

/** Reads that wait for their turn; one more is told to come again. */
export const MAX_WAITING_TIERED_READS = 64;

/**
 * How long one request waits for reads of objects, of which several may follow each other: beyond it a Fetch is answered without them. With
 * the time that it may wait for records it has to stay below the 30 s after which clients give a request up.
 */
export const TIERED_WAIT_MS = 15_000;

/**
 * The same for a search by time, which may have to walk through a whole segment and finds nothing when it is ended early: where the request
 * doesn't say, and at most.
 */
export const TIERED_SEARCH_WAIT_MS = 25_000;
export const MAX_TIERED_SEARCH_WAIT_MS = 300_000;

/** Pieces that are fetched beyond what was asked for when a reader goes on where it stopped. */
export const READ_AHEAD_PIECES = 2;

/** Positions in a segment's index are int32. */
export const MAX_OBJECT_BATCH_BYTES = 2 ** 31 - 1;
