import { MAX_STAGED_BYTES } from "#log/limits.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import type { Broker } from "./broker.ts";
import { dispatch, type Outcome, type Pieces } from "./dispatch.ts";
import { CLOSE_CONNECTION, NO_RESPONSE, type Peer } from "./handler.ts";

/** Requests of one connection whose answers have not been written yet. */
export const MAX_REQUESTS_IN_FLIGHT = 128;

/** Bytes of Produce requests of one connection that wait for their commit. */
export const MAX_BYTES_IN_FLIGHT = 8 * 1024 * 1024;

/** Bytes of answers that one connection's client has not read yet: beyond them none of its requests begins. */
export const MAX_UNWRITTEN_BYTES = 1024 * 1024;

/** A request other than Produce owns a copy of its frame up to this size; a larger one keeps its connection from reading on. */
export const MAX_COPIED_FRAME_BYTES = 64 * 1024;

interface Slot {
  readonly answer: Promise<Outcome>;
  /** The answer, once it is known. */
  pieces: Pieces | null;
  sizeInBytes: number;
}

/**
 * One client's connection: takes frames in the order in which they came and gives their answers in that order.
 *
 * Kafka runs the requests of a connection one after another. So does this, with one exception that shows only
 * in speed: a Produce may begin while earlier Produces wait for their commit, so that they share it. A frame behind one
 * that ends the connection is never begun.
 */
export class Connection implements Peer {
  readonly clientHost: string;
  /** What went wrong on our side, if anything did. */
  failure: unknown = null;
  readonly #broker: Broker;
  readonly #vanished = new Set<() => void>();
  /** Begun and not given to the writer yet, in the order of requests. */
  #slots: Slot[] = [];
  /** The answers that the writer has in its hands. */
  #writing: Slot[] = [];
  #running = 0;
  #runningProduces = 0;
  #bytesInFlight = 0;
  #unwrittenBytes = 0;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;
  #closing = false;
  #ended = false;

  constructor(broker: Broker, clientHost: string) {
    this.#broker = broker;
    this.clientHost = clientHost;
  }

  get hasVanished(): boolean {
    return this.#ended;
  }

  onVanish(callback: () => void): () => void {
    if (this.#ended) queueMicrotask(callback);
    else this.#vanished.add(callback);
    return () => this.#vanished.delete(callback);
  }

  /** Whether the frame may begin at once. Frames that came together and begin in one turn share a commit. */
  admits(frame: Uint8Array): boolean {
    if (this.#closing || this.#ended || this.#broker.stagedBytes >= MAX_STAGED_BYTES) return false;
    if (this.#slots.length >= MAX_REQUESTS_IN_FLIGHT) return false;
    if (this.#unwrittenBytes >= MAX_UNWRITTEN_BYTES || this.#bytesInFlight >= MAX_BYTES_IN_FLIGHT) return false;
    return this.#running === 0 || (isProduce(frame) && this.#running === this.#runningProduces);
  }

  /** Waits until the frame may begin; false when the connection ends instead. */
  async admit(frame: Uint8Array): Promise<boolean> {
    while (!this.#closing && !this.#ended) {
      if (this.admits(frame)) return true;
      // With acks=0 an answer says nothing about the disk, and other connections fill the same commit.
      if (this.#broker.stagedBytes >= MAX_STAGED_BYTES) await this.#broker.committed();
      else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    }
    return false;
  }

  /**
   * Begins an admitted frame, given without its size prefix. Resolves when its bytes aren't needed any more; null when
   * they aren't already.
   */
  accept(frame: Uint8Array): Promise<unknown> | null {
    const produces = isProduce(frame) ? 1 : 0;
    const mustStay = produces === 0 && frame.length > MAX_COPIED_FRAME_BYTES;
    const sizeInBytes = produces === 0 ? 0 : frame.length;
    this.#running += 1;
    this.#runningProduces += produces;
    this.#bytesInFlight += sizeInBytes;
    const slot: Slot = {
      answer: this.#run(produces === 1 || mustStay ? frame : frame.slice()),
      pieces: null,
      sizeInBytes: 0,
    };
    const settled = slot.answer.then(
      (outcome) => this.#measure(slot, outcome),
      () => undefined,
    );
    const done = settled.then(() => {
      this.#running -= 1;
      this.#runningProduces -= produces;
      this.#bytesInFlight -= sizeInBytes;
      this.#wake();
    });
    this.#slots.push(slot);
    this.#wake();
    return mustStay ? done : null;
  }

  /** The next answer in the order of requests, when those before it have been written; null when there will be none. */
  async next(): Promise<Outcome | null> {
    this.#releaseWritten();
    while (this.#slots.length === 0) {
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
    const slot = this.#slots.shift() as Slot;
    this.#writing.push(slot);
    try {
      return await slot.answer;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  /** The answer after that, to be written together with it, if it is known already and has at most `maxBytes`. */
  nextKnown(maxBytes: number): Pieces | null {
    const slot = this.#slots.at(0);
    if (slot === undefined || slot.pieces === null || slot.sizeInBytes > maxBytes) return null;
    this.#slots.shift();
    this.#writing.push(slot);
    return slot.pieces;
  }

  /** No more frames will come. What was begun still runs, and its effects stand; what is parked is let go. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const callback of this.#vanished) callback();
    this.#vanished.clear();
    this.#wake();
  }

  /** Ends the connection and gives no more answers. */
  abandon(): void {
    for (const slot of this.#slots) this.#release(slot);
    this.#slots = [];
    this.#releaseWritten();
    this.end();
  }

  /** An outcome that ends the connection must be known before the next frame is looked at, also when both came together. */
  #run(frame: Uint8Array): Promise<Outcome> {
    try {
      const outcome = dispatch(this.#broker, this, frame);
      if (outcome === CLOSE_CONNECTION) this.#closing = true;
      return Promise.resolve(outcome);
    } catch (error) {
      this.#closing = true;
      return Promise.reject(error);
    }
  }

  #measure(slot: Slot, outcome: Outcome): void {
    if (outcome === CLOSE_CONNECTION) this.#closing = true;
    if (outcome === CLOSE_CONNECTION || outcome === NO_RESPONSE || this.#ended) return;
    slot.pieces = outcome;
    slot.sizeInBytes = outcome.reduce((sum, piece) => sum + piece.length, 0);
    this.#unwrittenBytes += slot.sizeInBytes;
    this.#broker.answers.add(slot.sizeInBytes);
  }

  #releaseWritten(): void {
    for (const slot of this.#writing) this.#release(slot);
    this.#writing = [];
  }

  #release(slot: Slot): void {
    this.#unwrittenBytes -= slot.sizeInBytes;
    this.#broker.answers.add(-slot.sizeInBytes);
    slot.sizeInBytes = 0;
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeWriter?.();
    this.#wakeReader = null;
    this.#wakeWriter = null;
  }
}

function isProduce(frame: Uint8Array): boolean {
  return frame.length > 1 && ((frame[0] << 8) | frame[1]) === ApiKey.Produce;
}
