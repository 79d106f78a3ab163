import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { encodeResponseFrame } from "#protocol/frame.ts";
import { decodeRequestHeader, type RequestHeader } from "#protocol/header.ts";
import type { Broker } from "./broker.ts";
import { type Answer, CLOSE_CONNECTION, type Handler, NO_RESPONSE, type Peer, WHEN_WRITTEN } from "./handler.ts";
import { unsupportedApiVersions } from "./handlers/18-api-versions.ts";

/** Record chunks from this size on go to the socket as they are; smaller ones are cheaper copied than written apart. */
const SPLICE_FROM_BYTES = 16 * 1024;

const RESPONSE_CAPACITY_BYTES = 512;

export type Pieces = readonly Uint8Array[] & { readonly whenWritten?: () => void };

/** A whole response frame in pieces, no response, or the end of the connection. */
export type Outcome = Pieces | typeof NO_RESPONSE | typeof CLOSE_CONNECTION;

/**
 * From a frame to its response. Everything up to the handler's first await runs before this returns, so a handler
 * that uses views on the frame must be done with them by then.
 *
 * Kafka closes the connection on an API it doesn't know, a version it doesn't serve and a body it can't read;
 * only ApiVersions of an unknown version gets an answer, since a client can't know better before it (KIP-511).
 */
export function dispatch(broker: Broker, peer: Peer, frame: Uint8Array): Outcome | Promise<Outcome> {
  try {
    const reader = new Reader(frame);
    const header = decodeRequestHeader(reader);
    const handler = broker.handlers.get(header.apiKey);
    if (handler === undefined) return CLOSE_CONNECTION;
    if (header.apiVersion < handler.min || header.apiVersion > handler.max) {
      if (header.apiKey !== ApiKey.ApiVersions) return CLOSE_CONNECTION;
      return encode(handler, { ...header, apiVersion: 0 }, unsupportedApiVersions(broker));
    }
    const answer = handler.handle(
      {
        broker,
        peer,
        apiVersion: header.apiVersion,
        clientId: header.clientId,
        clientHost: peer.clientHost,
        nowMs: broker.clock.nowMs(),
      },
      handler.request.decode(reader, header.apiVersion),
    );
    return answer instanceof Promise
      ? answer.then((settled) => encode(handler, header, settled)).catch(closeIfMalformed)
      : encode(handler, header, answer);
  } catch (error) {
    return closeIfMalformed(error);
  }
}

function closeIfMalformed(error: unknown): Outcome {
  if (error instanceof MalformedMessageError) return CLOSE_CONNECTION;
  throw error;
}

function encode(handler: Handler, header: RequestHeader, answer: Answer<unknown>): Outcome {
  if (answer === NO_RESPONSE || answer === CLOSE_CONNECTION) return answer as Outcome;
  const writer = new Writer(RESPONSE_CAPACITY_BYTES, SPLICE_FROM_BYTES);
  encodeResponseFrame(writer, handler.response, header, answer as never);
  const whenWritten = (answer as { readonly [WHEN_WRITTEN]?: () => void })[WHEN_WRITTEN];
  const pieces = writer.segments();
  return whenWritten === undefined ? pieces : Object.assign(pieces, { whenWritten });
}
