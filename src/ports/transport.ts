/**
 * The only way from above the wire to a broker: one request frame in, its response frame out.
 *
 * A frame here is what follows the four-byte size on a TCP connection: request header and body, or response header and
 * body. `brokerId` null means any broker, which is how a client asks for metadata before it knows one. The caller never
 * touches `frame` again, but it may be a view on a larger buffer: copy it where a view would ship the whole buffer.
 *
 * The promise rejects when the broker can't be reached, when it closes the connection instead of answering, or when an
 * answer is lost on the way; in the last two cases the request may have been carried out.
 */
export interface Transport {
  exchange(brokerId: number | null, frame: Uint8Array): Promise<Uint8Array>;
}
