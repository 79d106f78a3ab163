import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import type { Timers } from "#ports/timers.ts";
import type { Transport } from "#ports/transport.ts";
import { encodeRequestFrame, FRAME_SIZE_BYTES } from "#protocol/frame.ts";
import { decodeResponseHeader } from "#protocol/header.ts";
import type { Draft, Message } from "#protocol/schema.ts";

const CLIENT_ID = "kedge-broker";

/** Brokers are objects near each other. A third of the time that clients wait by default, who then hear of it and try again. */
const ASK_TIMEOUT_MS = 10_000;

/** The other brokers of the cluster, as this one asks them: with the requests of Kafka's own protocol. */
export class Peers {
  readonly #transport: Transport | null;
  readonly #timers: Timers;
  #correlationId = 0;

  /** Null where a broker has no way to others: then none can be reached. */
  constructor(transport: Transport | null, timers: Timers) {
    this.#transport = transport;
    this.#timers = timers;
  }

  /** The same, but null also when there is no answer within ASK_TIMEOUT_MS; for requests that do no harm when they are carried out later. */
  async ask<Q, S>(brokerId: number, request: Message<Q>, response: Message<S>, draft: Draft<Q>): Promise<S | null> {
    const late = Promise.withResolvers<null>();
    const timer = this.#timers.set(() => late.resolve(null), ASK_TIMEOUT_MS);
    try {
      return await Promise.race([this.call(brokerId, request, response, draft), late.promise]);
    } finally {
      timer.cancel();
    }
  }

  /**
   * Sends in the newest version that both tables know. Null when the broker can't be reached or its answer is lost: the request may have
   * been carried out. It waits as long as the broker does, which is for a request that may not come late: a marker that arrives behind the one that
   * was sent in its place would end the producer's next transaction.
   */
  async call<Q, S>(brokerId: number, request: Message<Q>, response: Message<S>, draft: Draft<Q>): Promise<S | null> {
    if (this.#transport === null) return null;
    const apiVersion = Math.min(request.max, response.max);
    this.#correlationId = (this.#correlationId + 1) % 2 ** 31;
    const head = { apiVersion, correlationId: this.#correlationId, clientId: CLIENT_ID };
    const writer = new Writer();
    encodeRequestFrame(writer, request, head, draft);
    try {
      const frame = await this.#transport.exchange(brokerId, writer.finish().subarray(FRAME_SIZE_BYTES));
      const reader = new Reader(frame);
      decodeResponseHeader(reader, response.apiKey, apiVersion);
      return response.decode(reader, apiVersion);
    } catch {
      return null;
    }
  }
}
