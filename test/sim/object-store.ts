import {
  type DeleteOutcome,
  type GetOutcome,
  type ListOutcome,
  MAX_DELETED_KEYS,
  type ObjectStore,
  type PutOutcome,
  type Unavailable,
} from "#ports/object-store.ts";
import type { Caller } from "./controller-host.ts";
import { Prng } from "./prng.ts";
import type { Scheduler } from "./scheduler.ts";

const FAILED: Unavailable = { kind: "unavailable", reason: "the object store failed" };
const FAILED_SHARE = 0.02;
/** What is sent arrives within this time, or not at all. */
const MAX_SLOW_MS = 8_000;
/** How soon what is slow notices that the store is healed. */
const SLOW_STEP_MS = 100;
/** Of what is called failed so much was carried out all the same, wholly or in part. */
const CARRIED_OUT_SHARE = 0.5;

interface ObjectCall<T> {
  readonly what: string;
  readonly carryOut: (isWhole: boolean) => T;
  readonly onStep: () => void;
}

/** The bucket of the cluster: far away, slow at times, out of reach at others, and never wrong about what it has confirmed. */
export class SimObjectStore {
  readonly #objects = new Map<string, Uint8Array>();
  readonly #scheduler: Scheduler;
  readonly #seed: number;
  #downUntilMs = 0;
  #slowUntilMs = 0;
  #slowByMs = 0;
  #isHealed = false;
  #callers = 0;

  constructor(scheduler: Scheduler, seed: number) {
    this.#scheduler = scheduler;
    this.#seed = seed;
  }

  takeDown(forMs: number): void {
    this.#downUntilMs = this.#scheduler.nowMs + forMs;
  }

  slowDown(forMs: number, byMs: number): void {
    this.#slowUntilMs = this.#scheduler.nowMs + forMs;
    this.#slowByMs = byMs;
  }

  heal(): void {
    this.#downUntilMs = 0;
    this.#slowUntilMs = 0;
    this.#isHealed = true;
  }

  /** What lies in it. */
  get keys(): Iterable<string> {
    return this.#objects.keys();
  }

  /**
   * The store as one instance of a broker reaches it; what it has sent arrives also when the instance has ended meanwhile. `onStep` hears of
   * all that was carried out.
   */
  of(caller: Caller, onStep: () => void = () => undefined): ObjectStore {
    const random = Prng.named(this.#seed, `objects ${caller.brokerId} ${this.#callers++}`);
    const call = <T>(what: string, carryOut: (isWhole: boolean) => T): Promise<T | Unavailable> =>
      this.#call(caller, random, { what, carryOut, onStep });
    return {
      settleMs: 0,
      put: async (key, chunks): Promise<PutOutcome> => {
        const parts: Uint8Array[] = [];
        for await (const chunk of chunks) parts.push(chunk.slice());
        return call(`put ${key}`, () => {
          this.#objects.set(key, Uint8Array.from(Buffer.concat(parts)));
          return { kind: "stored" };
        });
      },
      getRange: (key, from, length): Promise<GetOutcome> =>
        call(`get ${key}`, () => {
          const object = this.#objects.get(key);
          if (object === undefined || object.length < from + length) return { kind: "missing" };
          return { kind: "found", bytes: object.slice(from, from + length) };
        }),
      delete: (keys): Promise<DeleteOutcome> => {
        if (keys.length > MAX_DELETED_KEYS) throw new Error(`${keys.length} keys are too many`);
        return call("delete", (isWhole) => {
          for (const key of isWhole ? keys : keys.slice(keys.length / 2)) this.#objects.delete(key);
          return { kind: "deleted" };
        });
      },
      list: (prefix): Promise<ListOutcome> =>
        call("list", () => ({
          kind: "listed",
          keys: [...this.#objects.keys()].filter((key) => key.startsWith(prefix)),
        })),
    };
  }

  #call<T>(caller: Caller, random: Prng, { what, carryOut, onStep }: ObjectCall<T>): Promise<T | Unavailable> {
    const { nowMs } = this.#scheduler;
    const slowMs = nowMs < this.#slowUntilMs ? Math.min(random.exponential(this.#slowByMs), MAX_SLOW_MS) : 0;
    const ownMs = 5 + random.exponential(15);
    return new Promise((resolve) => {
      this.#afterSlowness(slowMs, ownMs, `objects ${caller.brokerId} ${what}`, () => {
        const isDown = this.#scheduler.nowMs < this.#downUntilMs;
        const fails = isDown || random.chance(FAILED_SHARE);
        const outcome = !fails || random.chance(CARRIED_OUT_SHARE) ? carryOut(!fails || random.chance(0.5)) : FAILED;
        if (caller.isAlive) onStep();
        this.#scheduler.at(2 + random.exponential(5), "", () => {
          if (caller.isAlive) resolve(fails ? FAILED : outcome);
        });
      });
    });
  }

  /** What is slow when the store is healed becomes as fast as what comes afterwards. */
  #afterSlowness(leftMs: number, ownMs: number, what: string, then: () => void): void {
    if (leftMs <= SLOW_STEP_MS || this.#isHealed) this.#scheduler.at((this.#isHealed ? 0 : leftMs) + ownMs, what, then);
    else this.#scheduler.at(SLOW_STEP_MS, "", () => this.#afterSlowness(leftMs - SLOW_STEP_MS, ownMs, what, then));
  }
}
