import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { encodeRequestFrame, FRAME_SIZE_BYTES } from "#protocol/frame.ts";
import { decodeResponseHeader } from "#protocol/header.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import type { Network, Wire } from "../network.ts";
import type { Process } from "../process.ts";
import type { Scheduled } from "../scheduler.ts";
import { digest } from "../trace.ts";

/** For one request at a time. */
const writer = new Writer();

/** No answer came: the request may have been carried out. */
export class LostError extends Error {}

export function ignoreLost(error: unknown): void {
  if (!(error instanceof LostError)) throw error;
}

interface Pending {
  readonly correlationId: number;
  readonly timeout: Scheduled;
  answer(frame: Uint8Array): void;
  lost(): void;
}

/** One connection of a client: requests may follow each other without waiting, answers come in their order. */
export class ClientConnection {
  readonly brokerId: number;
  readonly id: number;
  readonly #wire: Wire;
  readonly #process: Process;
  readonly #pending: Pending[] = [];
  #lastCorrelationId = 0;
  #isOpen = true;

  private constructor(process: Process, wire: Wire) {
    this.#process = process;
    this.#wire = wire;
    this.brokerId = wire.brokerId;
    this.id = wire.id;
  }

  /** Throws LostError when the broker can't be reached. */
  static async open(process: Process, network: Network, brokerId: number): Promise<ClientConnection> {
    let connection: ClientConnection | null = null;
    let isClosed = false;
    const callbacks = {
      onFrame: (frame: Uint8Array) => connection?.receive(frame),
      onClose: () => {
        isClosed = true;
        connection?.close();
      },
    };
    try {
      connection = new ClientConnection(process, await network.connect(process, brokerId, callbacks));
    } catch {
      throw new LostError(`broker ${brokerId} can't be reached`);
    }
    if (isClosed) connection.close();
    return connection;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Sends and doesn't wait: for Produce with acks=0. */
  send<Q>(request: Message<Q>, version: number, draft: Draft<Q>): void {
    this.#lastCorrelationId += 1;
    writer.reset();
    const head = { apiVersion: version, correlationId: this.#lastCorrelationId, clientId: this.#process.name };
    encodeRequestFrame(writer, request, head, draft);
    const frame = writer.finish().slice(FRAME_SIZE_BYTES);
    this.#wire.send(frame, `${request.apiKey}v${version} ${digest(frame)}`);
  }

  /** Rejects with LostError when the connection ends before the answer, or no answer comes in time (and then ends it). */
  call<Q, S>(
    api: { request: Message<Q>; response: Message<S> },
    version: number,
    draft: Draft<Q>,
    timeoutMs = 10_000,
  ): Promise<S> {
    if (!this.#isOpen) return Promise.reject(new LostError("the connection has ended"));
    this.send(api.request, version, draft);
    const correlationId = this.#lastCorrelationId;
    return new Promise((resolve, reject) => {
      this.#pending.push({
        correlationId,
        timeout: this.#process.timer(timeoutMs, () => this.close()),
        lost: () => reject(new LostError(`no answer to ${api.request.apiKey}`)),
        answer: (frame) => {
          try {
            resolve(decoded(api.response, version, correlationId, frame));
          } catch (error) {
            reject(error);
          }
        },
      });
    });
  }

  receive(frame: Uint8Array): void {
    const pending = this.#pending.shift();
    if (pending === undefined) throw new Error(`broker ${this.brokerId} gave an answer that nobody asked for`);
    pending.timeout.cancel();
    pending.answer(frame);
  }

  /** Nothing passes for so long; what was sent is not lost. */
  holdUp(forMs: number): void {
    this.#wire.stalledUntilMs = this.#process.nowMs + forMs;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#wire.clientClose();
    for (const pending of this.#pending.splice(0)) {
      pending.timeout.cancel();
      pending.lost();
    }
  }
}

function decoded<S>(response: Message<S>, version: number, correlationId: number, frame: Uint8Array): S {
  const reader = new Reader(frame, FRAME_SIZE_BYTES);
  const answered = decodeResponseHeader(reader, response.apiKey, version);
  if (answered !== correlationId) throw new Error(`the answer to ${answered} came where ${correlationId} was due`);
  const value = response.decode(reader, version);
  if (reader.remaining > 0)
    throw new Error(`${reader.remaining} bytes remain behind the response to API ${response.apiKey}`);
  return value;
}
