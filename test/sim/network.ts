import type { Pieces } from "#broker/dispatch.ts";
import { Prng } from "./prng.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a broker does with a connection that reached it. */
export interface ServerEnd {
  receive(frame: Uint8Array): void;
  ended(): void;
}

/** Where a connection arrives; null = nobody listens. */
export type Listener = (wire: Wire) => ServerEnd | null | Promise<ServerEnd | null>;

interface LinkState {
  /** Chance of its own, so that leaving out another client doesn't disturb it. */
  readonly random: Prng;
  /** Until then nothing passes in either direction. */
  heldUntilMs: number;
  /** Until then packets take longer. */
  slowUntilMs: number;
  slowByMs: number;
}

/** How long a broker keeps a connection on which nothing comes any more. */
const KEEPALIVE_MS = 45_000;
/** What the clock can tell apart. */
const SHORTEST_MS = 0.001;
const CONNECT_TIMEOUT_MS = 5_000;

/** Connections between clients and brokers: each direction keeps its order, everything else is chance. */
export class Network {
  readonly scheduler: Scheduler;
  readonly wires = new Set<Wire>();
  readonly #seed: number;
  readonly #listeners = new Map<number, Listener>();
  readonly #links = new Map<string, LinkState>();
  #nextWire = 1;

  constructor(scheduler: Scheduler, seed: number) {
    this.scheduler = scheduler;
    this.#seed = seed;
  }

  listen(brokerId: number, listener: Listener): void {
    this.#listeners.set(brokerId, listener);
  }

  link(client: string, brokerId: number): LinkState {
    const key = `${client} ${brokerId}`;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const fresh = { random: Prng.named(this.#seed, `link ${key}`), heldUntilMs: 0, slowUntilMs: 0, slowByMs: 0 };
    this.#links.set(key, fresh);
    return fresh;
  }

  heal(): void {
    for (const link of this.#links.values()) {
      link.heldUntilMs = 0;
      link.slowUntilMs = 0;
    }
  }

  delayMs(link: LinkState): number {
    const { random } = link;
    const base = 0.1 + random.exponential(0.4);
    const spike = random.chance(0.01) ? random.exponential(60) : 0;
    const slow = this.scheduler.nowMs < link.slowUntilMs ? random.exponential(link.slowByMs) : 0;
    return base + spike + slow;
  }

  isHeld(link: LinkState): boolean {
    return this.scheduler.nowMs < link.heldUntilMs;
  }

  /** Rejects when nobody listens there, or nobody answers in time. */
  connect(process: Process, brokerId: number, callbacks: ClientCallbacks): Promise<Wire> {
    const link = this.link(process.name, brokerId);
    const wire = new Wire(this, { id: this.#nextWire++, process, brokerId, link, callbacks });
    return new Promise((resolve, reject) => {
      const give = (error: Error | null) => {
        timeout.cancel();
        process.deliver(() => (error === null ? resolve(wire) : reject(error)));
      };
      const timeout = this.scheduler.at(CONNECT_TIMEOUT_MS, "", () => {
        wire.forget();
        give(new Error("connect timed out"));
      });
      this.scheduler.at(this.delayMs(link), `connect ${process.name} ${brokerId} #${wire.id}`, async () => {
        if (this.isHeld(link) || wire.isForgotten) return;
        const server = await this.#listeners.get(brokerId)?.(wire);
        if (wire.isForgotten) return server?.ended();
        if (!server) {
          wire.forget();
          return give(new Error("connection refused"));
        }
        wire.server = server;
        this.wires.add(wire);
        this.scheduler.at(this.delayMs(link), "", () => give(null));
      });
    });
  }
}

export interface ClientCallbacks {
  onFrame(frame: Uint8Array): void;
  onClose(): void;
}

interface Packet {
  readonly arrivesMs: number;
  deliver(): void;
}

/** One direction of a connection: first in, first out. */
class Pipe {
  readonly #wire: Wire;
  readonly #label: string;
  readonly #packets: Packet[] = [];
  #lastMs = 0;

  constructor(wire: Wire, label: string) {
    this.#wire = wire;
    this.#label = label;
  }

  push(what: string, deliver: () => void): void {
    const { network, link } = this.#wire;
    const nowMs = network.scheduler.nowMs;
    const arrivesMs = Math.max(this.#lastMs, nowMs + network.delayMs(link));
    this.#lastMs = arrivesMs;
    this.#packets.push({ arrivesMs, deliver });
    this.#pumpAfter(arrivesMs - nowMs, what);
  }

  #pumpAfter(delayMs: number, what: string): void {
    const { network } = this.#wire;
    network.scheduler.at(delayMs, `${this.#label}${what}`, () => {
      const { link } = this.#wire;
      if (this.#wire.isForgotten || this.#wire.isSilent) return;
      const heldUntilMs = Math.max(link.heldUntilMs, this.#wire.stalledUntilMs);
      const waitMs = heldUntilMs - network.scheduler.nowMs;
      if (waitMs > 0) return this.#pumpAfter(Math.max(waitMs, SHORTEST_MS), what);
      this.#packets.shift()?.deliver();
    });
  }
}

interface WireParts {
  readonly id: number;
  readonly process: Process;
  readonly brokerId: number;
  readonly link: LinkState;
  readonly callbacks: ClientCallbacks;
}

/** One TCP connection. */
export class Wire {
  readonly network: Network;
  readonly id: number;
  readonly process: Process;
  readonly brokerId: number;
  readonly link: LinkState;
  server: ServerEnd | null = null;
  /** Nothing passes any more and nobody is told: a cable that was pulled. */
  isSilent = false;
  isForgotten = false;
  /** Until then nothing passes on this connection, while others overtake it. */
  stalledUntilMs = 0;
  readonly #callbacks: ClientCallbacks;
  readonly #toServer: Pipe;
  readonly #toClient: Pipe;
  #clientClosed = false;
  #serverClosed = false;

  constructor(network: Network, parts: WireParts) {
    this.network = network;
    this.id = parts.id;
    this.process = parts.process;
    this.brokerId = parts.brokerId;
    this.link = parts.link;
    this.#callbacks = parts.callbacks;
    this.#toServer = new Pipe(this, `> ${parts.process.name} ${parts.brokerId} #${parts.id} `);
    this.#toClient = new Pipe(this, `< ${parts.process.name} ${parts.brokerId} #${parts.id} `);
    parts.process.onDeath(() => this.clientClose());
  }

  /** The client sends a frame without its size. */
  send(frame: Uint8Array, what: string): void {
    if (this.#clientClosed) return;
    this.#toServer.push(what, () => {
      if (!this.#serverClosed) this.server?.receive(frame);
    });
  }

  clientClose(): void {
    if (this.#clientClosed) return;
    this.#clientClosed = true;
    if (this.isSilent) return;
    this.#toServer.push("fin", () => {
      this.#endServer();
      this.forget();
    });
  }

  /** The broker answers; the pieces are put together only when they arrive, as a slow socket does, and then it hears so. */
  answer(pieces: Pieces, what: string): void {
    if (this.#serverClosed) return;
    this.#toClient.push(what, () => this.#give(pieces));
  }

  #give(pieces: Pieces): void {
    if (this.#clientClosed) return;
    const frame = Buffer.concat(pieces);
    pieces.whenWritten?.();
    this.process.deliver(() => {
      if (!this.#clientClosed) this.#callbacks.onFrame(frame);
    });
  }

  serverClose(): void {
    if (this.#serverClosed) return;
    this.#serverClosed = true;
    this.#toClient.push("fin", () => {
      this.#endClient();
      this.forget();
    });
  }

  /** The connection is reset: what is under way is lost, and both ends hear of it, each in its time. */
  break(): void {
    if (this.isForgotten) return;
    this.forget();
    const { scheduler } = this.network;
    const { random } = this.link;
    scheduler.at(random.exponential(5), `reset ${this.process.name} ${this.brokerId} #${this.id}`, () =>
      this.#endClient(),
    );
    scheduler.at(random.exponential(5), "", () => this.#endServer());
  }

  /** The connection is dead and nobody knows: the client finds out by its own timeouts, the broker by keepalive. */
  goSilent(): void {
    if (this.isForgotten) return;
    this.isSilent = true;
    this.network.scheduler.at(KEEPALIVE_MS, `keepalive #${this.id}`, () => {
      this.#endServer();
      this.forget();
    });
  }

  forget(): void {
    this.isForgotten = true;
    this.network.wires.delete(this);
  }

  #endServer(): void {
    if (this.#serverClosed) return;
    this.#serverClosed = true;
    this.server?.ended();
  }

  #endClient(): void {
    if (this.#clientClosed) return;
    this.#clientClosed = true;
    this.process.deliver(() => this.#callbacks.onClose());
  }
}
