import type { Draft, Message } from "#protocol/schema.ts";
import type { Broker } from "./broker.ts";

/** Who sent the request. */
export interface Peer {
  /** The client's address without its port, such as `127.0.0.1`. */
  readonly clientHost: string;
  /** True once nobody will read the answer. */
  readonly hasVanished: boolean;
  /** Calls back once when the connection ends; for what is parked. Returns the way to unsubscribe. */
  onVanish(callback: () => void): () => void;
}

/** What a handler knows of the request besides its body. */
export interface RequestContext {
  readonly broker: Broker;
  readonly peer: Peer;
  readonly apiVersion: number;
  readonly clientId: string | null;
  /** The client's address without its port, such as `127.0.0.1`. */
  readonly clientHost: string;
  /** When the request was taken, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The answer of a request that gets none: Produce with acks=0. */
export const NO_RESPONSE: unique symbol = Symbol("no response");

/** A handler returns this where Kafka closes the connection instead of answering. */
export const CLOSE_CONNECTION: unique symbol = Symbol("close the connection");

/**
 * What a handler may add to its response: called once the response has been written to its connection, so that the memory behind it can be
 * used again. It may never be called.
 */
export const WHEN_WRITTEN: unique symbol = Symbol("when written");

export type Answer<S> =
  | Draft<S>
  | (Draft<S> & { readonly [WHEN_WRITTEN]: () => void })
  | typeof NO_RESPONSE
  | typeof CLOSE_CONNECTION;

/**
 * One API key: its messages, the versions that it serves, and what it does.
 *
 * `advertisedMin` is the lowest version that ApiVersions names where that differs from the lowest one served
 * (Produce only: librdkafka takes its compression support from a range that begins at 0).
 *
 * Byte fields of a request are views on the frame. They stay valid only until `handle` first awaits in the
 * case of Produce, which runs on the connection's receive buffer; every other request owns its frame.
 */
export interface HandlerOptions<Q, S> {
  readonly request: Message<Q>;
  readonly response: Message<S>;
  readonly min: number;
  readonly max: number;
  readonly advertisedMin?: number;
  handle(context: RequestContext, request: Q): Answer<S> | Promise<Answer<S>>;
}

/** A registered handler; its message types are checked where it is made, and erased here. */
export interface Handler extends HandlerOptions<unknown, unknown> {
  readonly apiKey: number;
}

export function handler<Q, S>(options: HandlerOptions<Q, S>): Handler {
  return { ...options, apiKey: options.request.apiKey } as unknown as Handler;
}
