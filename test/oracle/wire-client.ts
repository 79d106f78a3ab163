import { connect, type Socket } from "node:net";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { encodeRequestFrame } from "#protocol/frame.ts";
import { decodeResponseHeader } from "#protocol/header.ts";
import type { Draft, Message } from "#protocol/schema.ts";

const SIZE_BYTES = 4;
const ANSWER_TIMEOUT_MS = 15_000;

/** One connection to any Kafka, frame by frame. */
export class WireClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: (() => void) | null = null;
  #closed = false;
  #correlationId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const ended = () => {
      this.#closed = true;
      this.#wake();
    };
    socket.on("close", ended);
    socket.on("end", ended);
    socket.on("error", ended);
  }

  static async connect(bootstrap: string): Promise<WireClient> {
    const at = bootstrap.lastIndexOf(":");
    const socket = connect({ host: bootstrap.slice(0, at), port: Number(bootstrap.slice(at + 1)) });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return new WireClient(socket);
  }

  /** The decoded answer, or "closed" when the broker closes the connection instead. */
  async call<Q, S>(request: Message<Q>, response: Message<S>, version: number, draft: Draft<Q>): Promise<S | "closed"> {
    const writer = new Writer();
    this.#correlationId += 1;
    encodeRequestFrame(
      writer,
      request,
      { apiVersion: version, correlationId: this.#correlationId, clientId: "oracle" },
      draft,
    );
    this.#socket.write(writer.finish().slice());
    const frame = await this.receive();
    if (frame === null) return "closed";
    const reader = new Reader(frame);
    decodeResponseHeader(reader, response.apiKey, version);
    return response.decode(reader, version);
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next frame without its size; null when the broker has closed the connection. Throws after a long silence. */
  async receive(timeoutMs = ANSWER_TIMEOUT_MS): Promise<Uint8Array | null> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (this.#received.length >= SIZE_BYTES) {
        const size = this.#received.readInt32BE(0);
        if (this.#received.length >= SIZE_BYTES + size) {
          const frame = new Uint8Array(this.#received.subarray(SIZE_BYTES, SIZE_BYTES + size));
          this.#received = this.#received.subarray(SIZE_BYTES + size);
          return frame;
        }
      }
      if (this.#closed) return null;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error("no answer");
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
        setTimeout(resolve, left).unref();
      });
    }
  }

  /** Takes nothing from the socket any more, so that the broker's answers wait in its hands. */
  hold(): void {
    this.#socket.pause();
  }

  goOn(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = null;
  }
}
