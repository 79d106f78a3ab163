/** Where the cluster says that a broker is reached. */
export interface BrokerAddress {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/**
 * The only way from above the wire to a broker: one request frame in, its response frame out.
 *
 * A frame here is what follows the four-byte size on a TCP connection: request header and body, or response header and
 * body. `brokerId` null means any broker, which is how a client asks for metadata before it knows one. The caller never
 * touches `frame` again, but it may be a view on a larger buffer: copy it where a view would ship the whole buffer.
 *
 * The promise rejects when the broker can't be reached, when it closes the connection instead of answering, or when an
 * answer is lost on the way; in the last two cases the request may have been carried out.
 *
 * A `lane` is a name for requests that may have to wait for each other, as those of one TCP connection do; requests of
 * different lanes never do. A transport without such queues takes no notice of it.
 */
export interface Transport {
  exchange(brokerId: number | null, frame: Uint8Array, lane?: string): Promise<Uint8Array>;
  /** Sends a request that has no answer (Produce with acks=0). Missing where every request must have one. */
  post?(brokerId: number | null, frame: Uint8Array, lane?: string): Promise<void>;
  /** Tells where the brokers are. Missing where they are found by id. */
  learn?(brokers: readonly BrokerAddress[]): void;
  /** An answer didn't come in time, so that a connection whose answers come in order is no good any more. */
  abandon?(brokerId: number | null, lane?: string): void;
  /** Nobody uses the lane any more: what it keeps open may be closed, and what it waits for is lost. */
  release?(lane: string): void;
}
