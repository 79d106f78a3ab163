import { Cluster, type ClusterStore } from "#cluster/cluster.ts";
import type { StoredRow } from "#cluster/stored.ts";
import type { BrokerImage, ClusterImage, ConfigValues, ControllerRpc } from "#ports/controller.ts";
import { StorageError } from "./disk.ts";
import { Prng } from "./prng.ts";
import type { Scheduler } from "./scheduler.ts";

/** A call between objects that didn't come through: no bug of the core. */
export class RpcError extends Error {}

/** Who calls: answers reach it only while it lives. */
export interface Caller {
  readonly brokerId: number;
  readonly isAlive: boolean;
}

export interface ControllerOptions {
  readonly scheduler: Scheduler;
  readonly seed: number;
  readonly brokers: readonly BrokerImage[];
  readonly staticBrokerConfigs: ConfigValues;
  /** Gives a broker an image, if it runs. */
  push(brokerId: number, image: ClusterImage): void;
  onBug(error: unknown): void;
}

interface PendingWrite {
  readonly rows: readonly StoredRow[];
  reject(error: Error): void;
}

const METHODS = [
  "image",
  "createTopics",
  "deleteTopics",
  "createPartitions",
  "alterConfigs",
  "replaceConfigs",
  "allocateProducerIds",
] as const;

/** The object that is the controller: its storage, its life, and the calls that reach it. */
export class ControllerHost {
  readonly #options: ControllerOptions;
  readonly #scheduler: Scheduler;
  readonly #random: Prng;
  readonly #durable = new Map<string, string>();
  #pendingWrites: PendingWrite[] = [];
  #lastWriteMs = 0;
  #life = 0;
  #cluster: Promise<Cluster> | null = null;
  #downUntilMs = 0;
  #slowUntilMs = 0;
  #slowByMs = 0;
  readonly #cutUntilMs = new Map<number, number>();
  readonly #calls = new Set<() => void>();

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler;
    this.#random = Prng.named(options.seed, "controller");
  }

  /** The controller as one broker reaches it. */
  rpc(caller: Caller): ControllerRpc {
    const rpc = {} as Record<string, (...args: unknown[]) => Promise<unknown>>;
    for (const method of METHODS) rpc[method] = (...args) => this.#call(caller, method, args);
    return rpc as unknown as ControllerRpc;
  }

  cut(brokerId: number, forMs: number): void {
    this.#cutUntilMs.set(brokerId, this.#scheduler.nowMs + forMs);
  }

  slowDown(forMs: number, byMs: number): void {
    this.#slowUntilMs = this.#scheduler.nowMs + forMs;
    this.#slowByMs = byMs;
  }

  heal(): void {
    this.#cutUntilMs.clear();
    this.#slowUntilMs = 0;
    this.#downUntilMs = 0;
  }

  /** The object dies; the next call starts it anew. Writes that were under way are durable up to some point, in their order. */
  crash(downMs: number): void {
    this.#scheduler.trace("controller crashes");
    this.#life += 1;
    this.#cluster = null;
    this.#downUntilMs = this.#scheduler.nowMs + downMs;
    const survivors = this.#random.below(this.#pendingWrites.length + 1);
    for (const { rows } of this.#pendingWrites.slice(0, survivors)) put(this.#durable, rows);
    this.#pendingWrites = [];
    for (const fail of [...this.#calls]) fail();
    this.#calls.clear();
  }

  #delayMs(): number {
    const slow = this.#scheduler.nowMs < this.#slowUntilMs ? this.#random.exponential(this.#slowByMs) : 0;
    return 0.2 + this.#random.exponential(0.5) + slow;
  }

  #isCut(brokerId: number): boolean {
    return this.#scheduler.nowMs < (this.#cutUntilMs.get(brokerId) ?? 0);
  }

  #call(caller: Caller, method: (typeof METHODS)[number], args: readonly unknown[]): Promise<unknown> {
    const request = structuredClone(args);
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void) => {
        if (!this.#calls.delete(fail)) return;
        this.#scheduler.at(this.#delayMs(), `rpc< ${caller.brokerId} ${method}`, () => {
          if (!caller.isAlive) return;
          if (this.#isCut(caller.brokerId)) reject(new RpcError("the answer was lost"));
          else settle();
        });
      };
      const fail = () => answer(() => reject(new RpcError("the controller was reset")));
      this.#calls.add(fail);
      this.#scheduler.at(this.#delayMs(), `rpc> ${caller.brokerId} ${method}`, () => {
        if (this.#isCut(caller.brokerId) || this.#scheduler.nowMs < this.#downUntilMs) return fail();
        this.#carryOut(method, request).then(
          (value) => {
            const copy = structuredClone(value);
            answer(() => resolve(copy));
          },
          (error) => {
            if (!(error instanceof StorageError)) this.#options.onBug(error);
            fail();
          },
        );
      });
    });
  }

  async #carryOut(method: (typeof METHODS)[number], args: readonly unknown[]): Promise<unknown> {
    this.#cluster ??= this.#open();
    const cluster = (await this.#cluster) as unknown as Record<
      string,
      (...args: readonly unknown[]) => Promise<unknown>
    >;
    return cluster[method](...args);
  }

  #open(): Promise<Cluster> {
    const life = this.#life;
    const random = this.#random;
    this.#scheduler.trace("controller starts");
    return Cluster.open(
      {
        store: this.#store(life),
        random: { uuid: () => random.uuid(), below: (bound) => random.below(bound) },
        onImage: (image, askerId) => {
          if (life === this.#life) this.#tellOthers(image, askerId);
        },
        onFatal: () => {
          if (life === this.#life) this.crash(0);
        },
      },
      { brokers: this.#options.brokers, staticBrokerConfigs: this.#options.staticBrokerConfigs },
    );
  }

  #tellOthers(image: ClusterImage, askerId: number): void {
    for (const { id } of image.brokers) {
      if (id === askerId) continue;
      const copy = structuredClone(image);
      this.#scheduler.at(this.#delayMs(), `image ${image.version} to ${id}`, () => {
        if (!this.#isCut(id)) this.#options.push(id, copy);
      });
    }
  }

  /** A view that shows writes at once; they become durable in their order. */
  #store(life: number): ClusterStore {
    const view = new Map(this.#durable);
    return {
      load: () => [...view].map(([key, value]) => ({ key, value })),
      write: (rows) => {
        put(view, rows);
        return new Promise((resolve, reject) => {
          const write = { rows, reject };
          this.#pendingWrites.push(write);
          const delayMs = this.#random.exponential(1.5);
          const atMs = Math.max(this.#lastWriteMs, this.#scheduler.nowMs + delayMs);
          this.#lastWriteMs = atMs;
          this.#scheduler.at(atMs - this.#scheduler.nowMs, "controller commits", () => {
            if (life !== this.#life || !this.#pendingWrites.includes(write)) return;
            this.#pendingWrites = this.#pendingWrites.filter((other) => other !== write);
            put(this.#durable, rows);
            this.#scheduler.at(this.#random.exponential(0.3), "", () => {
              if (life === this.#life) resolve();
            });
          });
        });
      },
    };
  }
}

function put(into: Map<string, string>, rows: readonly StoredRow[]): void {
  for (const { key, value } of rows) {
    if (value === null) into.delete(key);
    else into.set(key, value);
  }
}
