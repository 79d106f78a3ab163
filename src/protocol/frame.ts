import type { Writer } from "#bytes/writer.ts";
import { type RequestHeader, writeRequestHeader, writeResponseHeader } from "./header.ts";
import type { Draft, Message } from "./schema.ts";

/** A frame is a 32-bit size, which doesn't count itself, and that many bytes. */
export const FRAME_SIZE_BYTES = 4;

/** Which request a response answers. */
export interface ResponseHead {
  readonly apiVersion: number;
  readonly correlationId: number;
}

/** Writes a whole response with size and header into an empty writer; take it by `writer.finish()` or `writer.segments()`. */
export function encodeResponseFrame<S>(
  writer: Writer,
  response: Message<S>,
  head: ResponseHead,
  draft: Draft<S>,
): void {
  writer.int32(0);
  writeResponseHeader(writer, response.apiKey, head.apiVersion, head.correlationId);
  response.encode(writer, draft, head.apiVersion);
  writer.setInt32(0, writer.size - FRAME_SIZE_BYTES);
}

/** Writes a whole request with size and header into an empty writer. */
export function encodeRequestFrame<Q>(
  writer: Writer,
  request: Message<Q>,
  head: Omit<RequestHeader, "apiKey">,
  draft: Draft<Q>,
): void {
  writer.int32(0);
  writeRequestHeader(writer, { apiKey: request.apiKey, ...head });
  request.encode(writer, draft, head.apiVersion);
  writer.setInt32(0, writer.size - FRAME_SIZE_BYTES);
}
