/** Everything that a request from outside can make this room hold, wait or do, in one place. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** The most that a request body may have; more is 413 as soon as it is seen. */
export const MAX_BODY_BYTES = 4 * MIB;

/** How deep arrays and objects may nest; Jackson's default, which the REST Proxy has. */
export const MAX_JSON_DEPTH = 1_000;

/** The most records that one produce request may have. */
export const MAX_RECORDS_PER_PRODUCE = 50_000;

/** The most records that one read by offset returns. */
export const MAX_RECORDS_PER_READ = 10_000;

/** About how large the answer of one read by offset grows; the record that passes it is the last. */
export const MAX_READ_BYTES = 4 * MIB;

/** How much a read by offset asks a broker for at once. */
export const READ_FETCH_BYTES = MIB;

/** What a compressed batch may grow to; a batch that wants more is not read. */
export const MAX_INFLATED_BYTES = 32 * MIB;

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

/** Every event carries the resume point of all partitions, so their number is bounded. */
export const MAX_STREAM_PARTITIONS = 256;

/** A live tail ends after so many fetches and is resumed by the client: a Worker may make 10,000 subrequests for one request. */
export const MAX_STREAM_FETCHES = 9_000;

/** How often a live tail looks for partitions that were added. */
export const STREAM_METADATA_MS = 60_000;

if (STREAM_CHUNK_BYTES > STREAM_FETCH_BYTES) throw new Error("a chunk is at most what is fetched at once");
if (STREAM_WAIT_MS >= STREAM_HEARTBEAT_MS) throw new Error("a quiet live tail fetches between two heartbeats");
