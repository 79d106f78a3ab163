/** A TCP proxy that stands between clients and a broker, under the address that the broker advertises, and does harm when told to. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { NetworkFault, Way } from "./schedule.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How data passes at present, on all connections. */
interface Weather {
  delayUpToMs: number;
  trickle: { readonly pieceBytes: number; readonly everyMs: number } | null;
  isRefusing: boolean;
}

export interface ProxyCounts {
  connections: number;
  bytes: number;
  /** Connections that a fault ended. */
  cut: number;
}

export class ChaosProxy {
  readonly counts: ProxyCounts = { connections: 0, bytes: 0, cut: 0 };
  private readonly weather: Weather = { delayUpToMs: 0, trickle: null, isRefusing: false };
  private readonly links = new Set<Link>();
  private readonly server: Server;
  private readonly random: () => number;

  private constructor(server: Server, broker: Address, random: () => number) {
    this.server = server;
    this.random = random;
    server.on("connection", (client) => this.accept(client, broker));
  }

  static async listen(at: Address, broker: Address, random: () => number): Promise<ChaosProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new ChaosProxy(server, broker, random);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(at, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  private accept(client: Socket, broker: Address): void {
    this.counts.connections++;
    if (this.weather.isRefusing) {
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...broker, allowHalfOpen: true, noDelay: true });
    const link = new Link(client, upstream, {
      weather: this.weather,
      counts: this.counts,
      random: this.random,
    });
    this.links.add(link);
    link.ended.then(() => this.links.delete(link));
  }

  /** Does it, and resolves when it is over. */
  async inflict(fault: NetworkFault): Promise<void> {
    const hit = "share" in fault ? [...this.links].filter(() => this.random() < fault.share) : [];
    switch (fault.kind) {
      case "cut":
        for (const link of hit) link.cut();
        return;
      case "cut-inside":
        for (const link of hit) link.cutAfter(fault.way, fault.afterBytes);
        return;
      case "mute":
        for (const link of hit) link.mute(fault.way);
        await pause(fault.lastsMs);
        for (const link of hit) fault.thenCut ? link.cut() : link.unmute(fault.way);
        return;
      case "half-open":
        for (const link of hit) link.lose(fault.gone);
        await pause(fault.lastsMs);
        for (const link of hit) link.cut();
        return;
      default:
        await this.inflictWeather(fault);
    }
  }

  private async inflictWeather(fault: Extract<NetworkFault, { kind: "delay" | "trickle" | "refuse" }>): Promise<void> {
    if (fault.kind === "delay") this.weather.delayUpToMs = fault.upToMs;
    else if (fault.kind === "trickle") this.weather.trickle = fault;
    else this.weather.isRefusing = true;
    await pause(fault.lastsMs);
    this.weather.delayUpToMs = 0;
    this.weather.trickle = null;
    this.weather.isRefusing = false;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const link of this.links) link.cut();
    await closed;
  }
}

interface Surroundings {
  readonly weather: Weather;
  readonly counts: ProxyCounts;
  readonly random: () => number;
}

/** One client's connection and the one to the broker that belongs to it. */
class Link {
  readonly ended: Promise<unknown>;
  private readonly client: Socket;
  private readonly upstream: Socket;
  private readonly around: Surroundings;
  private readonly muted: Record<Way, { wake: () => void; readonly over: Promise<void> } | null> = {
    requests: null,
    answers: null,
  };
  private readonly leftBytes: Record<Way, number> = { requests: Infinity, answers: Infinity };
  private lost: "client" | "broker" | null = null;

  constructor(client: Socket, upstream: Socket, around: Surroundings) {
    this.client = client;
    this.upstream = upstream;
    this.around = around;
    for (const socket of [client, upstream]) socket.on("error", () => {});
    this.ended = Promise.all([this.pump("requests", client, upstream), this.pump("answers", upstream, client)]);
  }

  /** Data that is held back or slow is delivered even when its sender is gone by then: so are packets under way. */
  private async pump(way: Way, from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from) await this.pass(way, chunk, to);
      if (this.lost === null) to.end();
    } catch {
      if (this.lost === null) to.resetAndDestroy();
    }
  }

  private async pass(way: Way, chunk: Buffer, to: Socket): Promise<void> {
    const { weather, random } = this.around;
    if (weather.delayUpToMs > 0) await pause(random() * weather.delayUpToMs);
    for (let at = 0; at < chunk.length; ) {
      const trickle = weather.trickle;
      const size = trickle === null ? chunk.length - at : 1 + Math.floor(random() * trickle.pieceBytes);
      await this.muted[way]?.over;
      const piece = chunk.subarray(at, Math.min(at + size, at + this.leftBytes[way]));
      await this.write(to, piece);
      at += piece.length;
      this.leftBytes[way] -= piece.length;
      if (this.leftBytes[way] <= 0) return this.cut();
      if (trickle !== null && at < chunk.length) await pause(trickle.everyMs);
    }
  }

  private async write(to: Socket, piece: Buffer): Promise<void> {
    if (to.destroyed || this.lost !== null) return;
    this.around.counts.bytes += piece.length;
    if (to.write(piece)) return;
    await new Promise<void>((resolve) => {
      to.once("drain", resolve);
      to.once("close", () => resolve());
    });
  }

  cutAfter(way: Way, bytes: number): void {
    this.leftBytes[way] = bytes;
  }

  mute(way: Way): void {
    let wake = () => {};
    const over = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.muted[way] = { wake, over };
  }

  unmute(way: Way): void {
    const muted = this.muted[way];
    this.muted[way] = null;
    muted?.wake();
  }

  /** One side's connection is reset; the other hears nothing of it, nor anything else. */
  lose(gone: "client" | "broker"): void {
    this.lost = gone;
    (gone === "client" ? this.client : this.upstream).resetAndDestroy();
  }

  cut(): void {
    if (!(this.client.destroyed && this.upstream.destroyed)) this.around.counts.cut++;
    this.client.resetAndDestroy();
    this.upstream.resetAndDestroy();
    this.unmute("requests");
    this.unmute("answers");
  }
}
