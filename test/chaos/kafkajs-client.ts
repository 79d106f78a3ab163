import { createRequire } from "node:module";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import kafkajs, { type Kafka } from "kafkajs";

const RETRY_PAUSE_MS = 100;
const REQUEST_TIMEOUT_MS = 5_000;

interface KafkajsConnection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  connect(): Promise<boolean>;
}

// kafkajs 2.2.4 reads a new connection on from the half answer that the last one, cut inside, has left: it then waits for ever, or ends
// the process. Here it forgets that half.
const { prototype } = createRequire(import.meta.url)("kafkajs/src/network/connection.js") as {
  prototype: KafkajsConnection;
};
const stockConnect = prototype.connect;
prototype.connect = function connect() {
  this.chunks = [];
  this.bytesBuffered = 0;
  this.bytesNeeded = 4;
  return stockConnect.call(this);
};

// The other libraries' producers use it, and kafkajs brings only gzip.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer),
  decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
});

/** A kafkajs that comes back soon. */
export function kafkaOf(bootstrap: string, clientId: string, retries: number): Kafka {
  return new kafkajs.Kafka({
    clientId,
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    retry: {
      retries,
      initialRetryTime: RETRY_PAUSE_MS,
      maxRetryTime: 4 * RETRY_PAUSE_MS,
      factor: 0,
      // A consumer that starts itself again does so even when it was told to disconnect, and never ends.
      restartOnFailure: async () => false,
    },
  });
}

/** Ends early, and not with an error, when it is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Tries until it succeeds or is aborted: then undefined, whatever it is waiting for. */
export async function insist<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined));
  });
  while (!signal.aborted) {
    try {
      return await Promise.race([work(), aborted]);
    } catch {
      await pause(RETRY_PAUSE_MS, signal);
    }
  }
  return undefined;
}
