import { connect, type Socket } from "node:net";
import type { BrokerAddress, Transport } from "#ports/transport.ts";

const SIZE_BYTES = 4;
/** No answer of a Kafka is larger; what says that it is, is none. */
const MAX_FRAME_BYTES = 0x7fff_ffff;
const CONNECT_TIMEOUT_MS = 10_000;

interface Due {
  readonly resolve: (frame: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** One TCP connection: answers come in the order of the requests. */
class Connection {
  readonly address: string;
  readonly #socket: Socket;
  readonly #due: Due[] = [];
  #chunks: Buffer[] = [];
  #receivedBytes = 0;
  #neededBytes = SIZE_BYTES;
  isOpen = true;

  constructor(address: string) {
    this.address = address;
    const at = address.lastIndexOf(":");
    this.#socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)), noDelay: true });
    this.#socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      if (this.#socket.connecting) this.close(new Error(`no connection to ${address}`));
    });
    this.#socket.once("connect", () => this.#socket.setTimeout(0));
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.on("error", (error) => this.close(error));
    this.#socket.on("close", () => this.close(new Error(`${address} closed the connection`)));
  }

  exchange(frame: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#due.push({ resolve, reject });
      this.#write(frame);
    });
  }

  post(frame: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#write(frame, (error) => (error ? reject(error) : resolve()));
    });
  }

  #write(frame: Uint8Array, done?: (error?: Error | null) => void): void {
    const size = Buffer.alloc(SIZE_BYTES);
    size.writeInt32BE(frame.length);
    this.#socket.cork();
    this.#socket.write(size);
    this.#socket.write(frame, done);
    this.#socket.uncork();
  }

  close(error: Error): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#socket.destroy();
    for (const { reject } of this.#due.splice(0)) reject(error);
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#receivedBytes += chunk.length;
    while (this.isOpen && this.#receivedBytes >= this.#neededBytes) {
      const received = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
      const size = received.readInt32BE(0);
      if (size < 0 || size > MAX_FRAME_BYTES - SIZE_BYTES) {
        this.close(new Error("an answer without a size"));
        return;
      }
      if (received.length < SIZE_BYTES + size) {
        this.#chunks = [received];
        this.#neededBytes = SIZE_BYTES + size;
        return;
      }
      const rest = received.subarray(SIZE_BYTES + size);
      this.#chunks = [rest];
      this.#receivedBytes = rest.length;
      this.#neededBytes = SIZE_BYTES;
      // The socket's buffers are shared: what is kept needs one of its own.
      this.#due.shift()?.resolve(new Uint8Array(received.subarray(SIZE_BYTES, SIZE_BYTES + size)));
    }
  }
}

/** Brokers over TCP, for Node: a connection for each broker and lane, opened when it is needed. */
export class TcpTransport implements Transport {
  readonly #bootstrap: readonly string[];
  readonly #addresses = new Map<number, string>();
  readonly #connections = new Map<string, Connection>();
  /** Which of all known addresses is asked when any will do; moves on when one can't be reached. */
  #turn = 0;

  /** `bootstrap`: `host:port`, separated by commas. */
  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap.split(",").map((address) => address.trim());
  }

  async exchange(brokerId: number | null, frame: Uint8Array, lane = ""): Promise<Uint8Array> {
    return await this.#connection(brokerId, lane).exchange(frame);
  }

  async post(brokerId: number | null, frame: Uint8Array, lane = ""): Promise<void> {
    await this.#connection(brokerId, lane).post(frame);
  }

  learn(brokers: readonly BrokerAddress[]): void {
    for (const { id, host, port } of brokers) this.#addresses.set(id, `${host}:${port}`);
  }

  abandon(brokerId: number | null, lane = ""): void {
    this.#connections.get(keyOf(brokerId, lane))?.close(new Error("no answer in time"));
  }

  release(lane: string): void {
    for (const [key, connection] of this.#connections) {
      if (!key.endsWith(` ${lane}`)) continue;
      this.#connections.delete(key);
      connection.close(new Error("released"));
    }
  }

  /** Closes everything. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close(new Error("closed"));
    this.#connections.clear();
  }

  #connection(brokerId: number | null, lane: string): Connection {
    const key = keyOf(brokerId, lane);
    const known = this.#connections.get(key);
    const own = brokerId === null ? known?.address : this.#addresses.get(brokerId);
    if (known?.isOpen && known.address === own) return known;
    known?.close(new Error("the broker has another address"));
    const address = brokerId === null ? this.#any() : own;
    if (address === undefined) throw new Error(`nobody said where broker ${brokerId} is`);
    const connection = new Connection(address);
    this.#connections.set(key, connection);
    return connection;
  }

  #any(): string {
    const all = [...new Set([...this.#bootstrap, ...this.#addresses.values()])];
    return all[this.#turn++ % all.length] as string;
  }
}

function keyOf(brokerId: number | null, lane: string): string {
  return `${brokerId ?? "any"} ${lane}`;
}
