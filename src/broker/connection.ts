import { MAX_STAGED_BYTES } from "#log/limits.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import type { Broker } from "./broker.ts";
import { dispatch, type Outcome } from "./dispatch.ts";
import type { Peer } from "./handler.ts";

/** Requests of one connection that may wait for their answers before its reader pauses. */
export const MAX_REQUESTS_IN_FLIGHT = 128;

/** Bytes of requests in flight on one connection before its reader pauses. */
export const MAX_BYTES_IN_FLIGHT = 8 * 1024 * 1024;

/**
 * One client's connection: takes frames in the order in which they came and gives their answers in that order.
 *
 * Kafka runs the requests of a connection one after another. So does this, with one exception that shows only
 * in speed: a Produce may begin while earlier Produces wait for their commit, so that they share it.
 */
export class Connection implements Peer {
  readonly clientHost: string;
  /** What went wrong on our side, if anything did. */
  failure: unknown = null;
  readonly #broker: Broker;
  #answers: Promise<Outcome>[] = [];
  readonly #vanished = new Set<() => void>();
  #running = 0;
  #runningProduces = 0;
  #bytesInFlight = 0;
  #last: Promise<unknown> = Promise.resolve();
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;
  #ended = false;

  constructor(broker: Broker, clientHost: string) {
    this.#broker = broker;
    this.clientHost = clientHost;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get hasRoom(): boolean {
    return (
      this.#running < MAX_REQUESTS_IN_FLIGHT &&
      this.#bytesInFlight < MAX_BYTES_IN_FLIGHT &&
      this.#broker.stagedBytes < MAX_STAGED_BYTES
    );
  }

  onVanish(callback: () => void): () => void {
    if (this.#ended) queueMicrotask(callback);
    else this.#vanished.add(callback);
    return () => this.#vanished.delete(callback);
  }

  /** Takes one frame without its size prefix. What of it outlives this call is copied here. */
  accept(frame: Uint8Array): void {
    const isProduce = frame.length > 1 && ((frame[0] << 8) | frame[1]) === ApiKey.Produce;
    const overlaps = this.#running === 0 || (isProduce && this.#running === this.#runningProduces);
    const produces = overlaps && isProduce ? 1 : 0;
    this.#running += 1;
    this.#runningProduces += produces;
    this.#bytesInFlight += frame.length;
    const answer = overlaps ? this.#start(isProduce ? frame : frame.slice()) : this.#startAfter(frame.slice());
    const settled = answer.finally(() => {
      this.#running -= 1;
      this.#runningProduces -= produces;
      this.#bytesInFlight -= frame.length;
      this.#wake();
    });
    // The writer hears of a failure through the queue; this chain only keeps the order.
    this.#last = settled.catch(() => undefined);
    this.#answers.push(settled);
    this.#wake();
  }

  /** Resolves when another frame may be taken, or none will be. */
  async room(): Promise<void> {
    while (!this.hasRoom && !this.#ended) {
      // With acks=0 an answer says nothing about the disk, and other connections fill the same commit.
      if (this.#broker.stagedBytes >= MAX_STAGED_BYTES) await this.#broker.committed();
      else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    }
  }

  /** The next answer in the order of requests; null when the connection has ended and all were given. */
  async next(): Promise<Outcome | null> {
    while (this.#answers.length === 0) {
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
    try {
      return await (this.#answers.shift() as Promise<Outcome>);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  /** No more frames will come. What was accepted still runs, and its effects stand; what is parked is let go. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const callback of this.#vanished) callback();
    this.#vanished.clear();
    this.#wake();
  }

  /** Ends the connection and gives no more answers. */
  abandon(): void {
    this.#answers = [];
    this.end();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeWriter?.();
    this.#wakeReader = null;
    this.#wakeWriter = null;
  }

  #start(frame: Uint8Array): Promise<Outcome> {
    return dispatch(this.#broker, this, frame);
  }

  async #startAfter(frame: Uint8Array): Promise<Outcome> {
    await this.#last;
    return this.#start(frame);
  }
}
