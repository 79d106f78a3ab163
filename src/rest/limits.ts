/** Everything that a request from outside can make this room hold, wait or do, in one place. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** The most that a request body may have; more is 413 as soon as it is seen. */
export const MAX_BODY_BYTES = 4 * MIB;

/** A request's body is all there after so long, or the request is over. */
export const BODY_DEADLINE_MS = 30_000;

/** What is set aside for a body when its first bytes come. */
export const FIRST_BODY_BYTES = 4 * KIB;

/** The request bodies that are being read and produced from, all requests together. */
export const MAX_BODIES_BYTES = 32 * MIB;

/** What reads by offset fetch and answer, and live tails have yet to send, all requests together. */
export const MAX_READS_BYTES = 32 * MIB;

/** How long a request waits for its share of one of these; then it is 503. */
export const BUDGET_WAIT_MS = 5_000;

/** So many requests wait at most; one more is 503 at once. */
export const MAX_BUDGET_WAITERS = 256;

/** How long a client may take for an answer that is set aside for it; then the answer breaks off. */
export const SLOW_READER_MS = 30_000;

/** A share that nobody gave back is free after this: its request was dropped, or has long had its time. */
export const LEASE_MS = 60_000;

/** How deep arrays and objects may nest; Jackson's default, which the REST Proxy has. */
export const MAX_JSON_DEPTH = 1_000;

/** The most records that one produce request may have. */
export const MAX_RECORDS_PER_PRODUCE = 50_000;

/** The most records that one read by offset returns. */
export const MAX_RECORDS_PER_READ = 10_000;

/** The largest answer of a read by offset; a record that would pass it is left for the next. */
export const MAX_READ_BYTES = 4 * MIB;

/**
 * The largest key, value and headers together that HTTP shows, as they are stored; what is larger is for Kafka's protocol. As
 * base64 it is at most `MAX_READ_BYTES`.
 */
export const MAX_SHOWN_RECORD_BYTES = 2 * MIB;

/** Answers are handed on in pieces of this size, so that what waits for a slow client can be counted and dropped. */
export const ANSWER_PIECE_BYTES = 64 * KIB;

/** How much a read by offset asks a broker for at once. */
export const READ_FETCH_BYTES = MIB;

/** What a compressed batch may grow to; a batch that wants more is not read. HTTP shares its thread with a broker. */
export const MAX_INFLATED_BYTES = 8 * MIB;

/** How long a broker may hold a live tail's fetch while there is nothing new. */
export const STREAM_WAIT_MS = 5_000;

/** After this long without an event, a live tail sends a comment, so that nobody on the way takes the connection for dead. */
export const STREAM_HEARTBEAT_MS = 15_000;

/** How long a client of a live tail should wait before it comes back. */
export const STREAM_RETRY_MS = 2_000;

/** How much a live tail asks each leader for at once: what a reader that has stopped reading holds on to. */
export const STREAM_FETCH_BYTES = 256 * KIB;

/** About how large one chunk of a live tail is; the record that passes it is the last. */
export const STREAM_CHUNK_BYTES = 64 * KIB;

/** After batches of so many bytes, opened, a read by offset ends: records may be large and show little. */
export const MAX_READ_INFLATED_BYTES = 32 * MIB;

/**
 * The largest opened batch that a live tail holds while its reader takes a chunk. A larger one is opened again for the next
 * chunk, which is therefore larger too.
 */
export const STREAM_HELD_BYTES = 256 * KIB;

/** About how large a chunk is that comes from such a batch. */
export const STREAM_LARGE_CHUNK_BYTES = MIB;

/** Every event carries the resume point of all partitions, so their number is bounded. */
export const MAX_STREAM_PARTITIONS = 256;

/** A live tail ends after so many fetches and is resumed by the client: a Worker may make 10,000 subrequests for one request. */
export const MAX_STREAM_FETCHES = 9_000;

/** How often a live tail looks for partitions that were added. */
export const STREAM_METADATA_MS = 60_000;

if (STREAM_CHUNK_BYTES > STREAM_FETCH_BYTES) throw new Error("a chunk is at most what is fetched at once");
if (LEASE_MS < Math.max(BODY_DEADLINE_MS, SLOW_READER_MS)) throw new Error("a share lasts while its bytes may be held");
if (READ_FETCH_BYTES + MAX_READ_BYTES > MAX_READS_BYTES) throw new Error("the budget has room for one read at least");
if (MAX_BODY_BYTES > MAX_BODIES_BYTES) throw new Error("the budget has room for one body at least");
if (STREAM_WAIT_MS >= STREAM_HEARTBEAT_MS) throw new Error("a quiet live tail fetches between two heartbeats");
