import { Broker } from "#broker/broker.ts";
import { Connection } from "#broker/connection.ts";
import { dispatch, type Outcome } from "#broker/dispatch.ts";
import { CLOSE_CONNECTION, NO_RESPONSE, type Peer } from "#broker/handler.ts";
import { handlers } from "#broker/registry.ts";
import type { ClusterImage } from "#ports/controller.ts";
import type { LogCommit } from "#ports/log-store.ts";
import type { Compression } from "#records/compression.ts";
import { type Caller, type ControllerHost, RpcError } from "./controller-host.ts";
import { LogTables, SimLogStore, StorageError } from "./disk.ts";
import type { ServerEnd, Wire } from "./network.ts";
import type { SimObjectStore } from "./object-store.ts";
import type { PeerNetwork } from "./peer-network.ts";
import { Prng } from "./prng.ts";
import type { Scheduler } from "./scheduler.ts";
import { digest } from "./trace.ts";

/** Where the simulated world's clocks begin. */
export const EPOCH_MS = 1_700_000_000_000;

const SIZE_BYTES = 4;
const IN_PROCESS: Peer = { clientHost: "127.0.0.1", hasVanished: false, onVanish: () => () => undefined };

const RESTART_AFTER_FAILURE_MS = 20;

export interface HostOptions {
  readonly id: number;
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly controller: ControllerHost;
  readonly peers: PeerNetwork;
  readonly objects: SimObjectStore;
  readonly compression: Compression;
  onBug(error: unknown): void;
}

type Step = "commit" | "object";

/** The place of one broker: what is durable of it, its clock, and the instances that the platform starts of its object. */
export class BrokerHost {
  readonly id: number;
  readonly options: HostOptions;
  readonly random: Prng;
  readonly durable = new LogTables();
  clockOffsetMs: number;
  slowDiskUntilMs = 0;
  slowDiskByMs = 0;
  failingDiskUntilMs = 0;
  starts = 0;
  #crashAt: { readonly step: Step; left: number } | null = null;
  #downUntilMs = 0;
  #instance: Instance | null = null;
  readonly #olds = new Set<Instance>();

  constructor(options: HostOptions) {
    this.id = options.id;
    this.options = options;
    this.random = Prng.named(options.seed, `broker ${options.id}`);
    this.clockOffsetMs = this.random.between(-2_000, 2_000);
  }

  get nowMs(): number {
    return EPOCH_MS + Math.floor(this.options.scheduler.nowMs) + this.clockOffsetMs;
  }

  /** A connection arrives: the object starts if it must. Null when it can't be had. */
  async accept(wire: Wire): Promise<ServerEnd | null> {
    const instance = await this.#opened();
    return instance === null ? null : instance.serve(wire);
  }

  /** Another broker asks. */
  async exchange(frame: Uint8Array): Promise<Uint8Array> {
    const instance = await this.#opened();
    if (instance === null) throw new RpcError("the broker is down");
    return instance.exchange(frame);
  }

  async #opened(): Promise<Instance | null> {
    if (this.options.scheduler.nowMs < this.#downUntilMs) return null;
    if (this.#instance?.isAlive !== true) this.#instance = this.#start();
    const instance = this.#instance;
    return (await instance.opened) ? instance : null;
  }

  /** The controller tells of a change; only an object that runs is told. */
  adopt(image: ClusterImage): void {
    this.#instance?.adopt(image);
    for (const old of this.#olds) old.adopt(image);
  }

  crash(downMs: number, isSilent: boolean): void {
    this.options.scheduler.trace(`broker ${this.id} crashes`);
    this.#downUntilMs = this.options.scheduler.nowMs + downMs;
    this.#instance?.die(isSilent);
    this.#instance = null;
  }

  crashAt(step: Step, count: number): void {
    this.#crashAt = { step, left: count };
  }

  /** An instance begins or ends a step that it may die in: true when it does. */
  diesAt(step: Step): boolean {
    if (this.#crashAt?.step !== step) return false;
    this.#crashAt.left -= 1;
    if (this.#crashAt.left > 0) return false;
    this.#crashAt = null;
    return true;
  }

  doubleStart(forMs: number, failsReads: boolean): void {
    const old = this.#instance;
    if (old === null || !old.isOpen) return;
    this.options.scheduler.trace(`broker ${this.id} is started twice`);
    old.fence(failsReads);
    this.#olds.add(old);
    this.#instance = this.#start();
    this.options.scheduler.at(forMs, `the old broker ${this.id} ends`, () => old.die(false));
  }

  heal(): void {
    this.#downUntilMs = 0;
    this.slowDiskUntilMs = 0;
    this.failingDiskUntilMs = 0;
    this.#crashAt = null;
    for (const old of this.#olds) old.die(false);
  }

  /** An instance has ended by itself: its storage failed, or it could not be opened. */
  lost(instance: Instance): void {
    this.#olds.delete(instance);
    if (this.#instance !== instance) return;
    this.#instance = null;
    this.#downUntilMs = Math.max(this.#downUntilMs, this.options.scheduler.nowMs + RESTART_AFTER_FAILURE_MS);
  }

  #start(): Instance {
    this.starts += 1;
    return new Instance(this, this.starts);
  }
}

/** One start of a broker's object. */
class Instance implements Caller {
  readonly brokerId: number;
  readonly opened: Promise<boolean>;
  isOpen = false;
  isAlive = true;
  readonly #host: BrokerHost;
  readonly #store: SimLogStore;
  readonly #wires = new Set<Wire>();
  /** Rejects when the instance ends: who asked it hears of that. */
  readonly #death = Promise.withResolvers<never>();
  readonly #random: Prng;
  #broker!: Broker;
  #pending: LogCommit | null = null;
  #isOld = false;

  constructor(host: BrokerHost, start: number) {
    this.brokerId = host.id;
    this.#host = host;
    this.#random = Prng.named(host.options.seed, `broker ${host.id} start ${start}`);
    this.#store = new SimLogStore(host.durable.copy(), (commit) => this.#commit(commit));
    host.options.scheduler.trace(`broker ${host.id} starts, ${start}`);
    // Who waits for an object that dies while it opens hears of that, too.
    this.opened = Promise.race([this.#open(), this.#death.promise.catch(() => false)]);
  }

  async #open(): Promise<boolean> {
    const { scheduler, controller, peers, objects, compression, onBug } = this.#host.options;
    try {
      this.#broker = await Broker.open({
        brokerId: this.brokerId,
        handlers,
        clock: { nowMs: () => this.#host.nowMs },
        random: { uuid: () => this.#random.uuid(), below: (bound) => this.#random.below(bound) },
        timers: {
          set: (callback, delayMs) =>
            scheduler.at(delayMs, "", () => {
              if (this.isAlive) this.#attempt(callback);
            }),
        },
        controller: controller.rpc(this),
        peers: peers.transport(this),
        objectStore: objects.of(this, () => {
          if (!this.#isOld && this.#host.diesAt("object")) this.#host.crash(0, false);
        }),
        onUncleanable: (error) => this.#judge(error),
        logStore: this.#store,
        compression,
        onFatal: (error) => {
          if (!(error instanceof StorageError)) onBug(error);
          this.die(false);
        },
      });
      this.isOpen = this.isAlive;
    } catch (error) {
      if (!(error instanceof RpcError) && !(error instanceof StorageError)) onBug(error);
      this.die(false);
    }
    return this.isOpen;
  }

  adopt(image: ClusterImage): void {
    // While the object opens, the platform holds back what comes to it.
    this.opened
      .then(() => {
        if (this.isOpen && this.isAlive) this.#broker.adopt(structuredClone(image));
      })
      .catch((error) => this.#judge(error));
  }

  /** Another instance has taken over: nothing of this one becomes durable from now on, but what is under way may have before. */
  fence(failsReads: boolean): void {
    this.#isOld = true;
    this.#store.isFenced = failsReads;
    this.#settlePending();
  }

  die(isSilent: boolean): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.isOpen = false;
    this.#settlePending();
    this.#death.reject(new RpcError("the object was reset"));
    for (const wire of this.#wires) {
      if (isSilent) wire.goSilent();
      else wire.break();
    }
    this.#host.lost(this);
  }

  #settlePending(): void {
    if (this.#pending !== null && this.#random.chance(0.5)) this.#host.durable.apply(this.#pending);
    this.#pending = null;
  }

  #commit(commit: LogCommit): Promise<void> {
    const host = this.#host;
    const { scheduler } = host.options;
    if (this.isAlive && !this.#isOld) this.#pending = commit;
    const isSlow = scheduler.nowMs < host.slowDiskUntilMs;
    const delayMs = 0.2 + this.#random.exponential(0.5) + (isSlow ? this.#random.exponential(host.slowDiskByMs) : 0);
    if (this.isAlive && !this.#isOld && host.diesAt("commit")) {
      scheduler.at(delayMs * this.#random.fraction(), "", () => {
        if (this.isAlive && !this.#isOld) host.crash(0, false);
      });
    }
    return new Promise((resolve, reject) => {
      scheduler.at(delayMs, `disk ${this.brokerId}`, () => {
        if (!this.isAlive) return;
        // The platform's promise: who has been replaced doesn't commit. Whether it hears so is another matter.
        if (this.#isOld) return this.#random.chance(0.5) ? reject(new StorageError("replaced")) : undefined;
        if (scheduler.nowMs < host.failingDiskUntilMs) {
          this.#settlePending();
          return reject(new StorageError("the disk failed"));
        }
        this.#pending = null;
        host.durable.apply(commit);
        scheduler.at(this.#random.exponential(0.2), "", () => {
          if (this.isAlive) resolve();
        });
      });
    });
  }

  /** What `worker/objects/broker-object.ts` does: no connection, and no order among requests. */
  async exchange(frame: Uint8Array): Promise<Uint8Array> {
    try {
      const answering = Promise.resolve(dispatch(this.#broker, IN_PROCESS, frame));
      const outcome: Outcome = await Promise.race([answering, this.#death.promise]);
      if (!this.isAlive || outcome === CLOSE_CONNECTION || outcome === NO_RESPONSE) throw new RpcError("no answer");
      const answer = Buffer.concat(outcome).subarray(SIZE_BYTES);
      outcome.whenWritten?.();
      return answer;
    } catch (error) {
      this.#judge(error);
      throw error;
    }
  }

  /** What `worker/listener/serve-connection.ts` does: one loop takes frames, another writes answers. */
  serve(wire: Wire): ServerEnd {
    const connection = new Connection(this.#broker, wire.process.name);
    const inbox: Uint8Array[] = [];
    let isReading = false;
    this.#wires.add(wire);
    const read = async () => {
      if (isReading) return;
      isReading = true;
      for (let frame = inbox.shift(); frame !== undefined && this.isAlive; frame = inbox.shift()) {
        if (!connection.admits(frame) && !(await connection.admit(frame))) return;
        const busy = connection.accept(frame);
        if (busy !== null) await busy;
        // As on a socket, the buffer is used again as soon as the frame was taken.
        frame.fill(0xee);
      }
      isReading = false;
    };
    const end = () => {
      this.#wires.delete(wire);
      if (this.isAlive) connection.end();
    };
    this.#write(wire, connection).finally(end);
    return {
      receive: (frame) => {
        if (!this.isAlive) return;
        inbox.push(frame);
        // A broker whose disk fails while a frame waits ends by itself.
        read().catch((error) => this.#judge(error));
      },
      ended: end,
    };
  }

  async #write(wire: Wire, connection: Connection): Promise<void> {
    try {
      for (let outcome = await connection.next(); outcome !== null; outcome = await connection.next()) {
        if (!this.isAlive) return;
        if (outcome === CLOSE_CONNECTION) break;
        if (outcome === NO_RESPONSE) continue;
        wire.answer(outcome, digest(outcome[0]));
      }
    } catch (error) {
      this.#judge(error);
    }
    if (this.isAlive) wire.serverClose();
  }

  #attempt(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#judge(error);
    }
  }

  /** What the world did to the broker is no bug of it, nor is what an instance does that may do nothing any more. */
  #judge(error: unknown): void {
    const isOurs = !(error instanceof RpcError) && !(error instanceof StorageError);
    if (isOurs && this.isAlive && !this.#isOld) this.#host.options.onBug(error);
  }
}
