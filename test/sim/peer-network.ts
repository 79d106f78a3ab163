import type { Transport } from "#ports/transport.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { type Caller, RpcError } from "./controller-host.ts";
import { Prng } from "./prng.ts";
import type { Scheduler } from "./scheduler.ts";

/** How a request reaches a broker's object, which starts if it must. Rejects when it doesn't answer. */
export type Exchange = (frame: Uint8Array) => Promise<Uint8Array>;

const LOST_SHARE = 0.005;

/** Calls from broker to broker: they take a while, and may be lost on the way there or back. */
export class PeerNetwork {
  readonly #scheduler: Scheduler;
  readonly #seed: number;
  readonly #brokers = new Map<number, Exchange>();
  readonly #cutUntilMs = new Map<number, number>();
  readonly #randoms = new Map<string, Prng>();
  #onMarker: ((brokerId: number) => void) | null = null;
  readonly #onMarkerFrom = new Map<number, () => void>();

  constructor(scheduler: Scheduler, seed: number) {
    this.#scheduler = scheduler;
    this.#seed = seed;
  }

  listen(brokerId: number, exchange: Exchange): void {
    this.#brokers.set(brokerId, exchange);
  }

  /** Nothing passes between this broker and the others. */
  cut(brokerId: number, forMs: number): void {
    this.#cutUntilMs.set(brokerId, this.#scheduler.nowMs + forMs);
  }

  /** Calls back once, when the next broker is told by another one how a transaction ended, and has yet to hear of it. */
  atNextMarker(then: (brokerId: number) => void): void {
    this.#onMarker = then;
  }

  /** Calls back once, when this broker tells another one how a transaction ended. */
  atNextMarkerFrom(brokerId: number, then: () => void): void {
    this.#onMarkerFrom.set(brokerId, then);
  }

  heal(): void {
    this.#onMarker = null;
    this.#onMarkerFrom.clear();
    this.#cutUntilMs.clear();
  }

  transport(caller: Caller): Transport {
    return {
      exchange: (brokerId, frame) => {
        if (brokerId === null) return Promise.reject(new RpcError("nobody in particular can't be asked"));
        return this.#exchange(caller, brokerId, frame.slice());
      },
    };
  }

  #exchange(caller: Caller, brokerId: number, frame: Uint8Array): Promise<Uint8Array> {
    const random = this.#random(caller.brokerId, brokerId);
    const label = `${caller.brokerId} ${brokerId} ${(frame[0] << 8) | frame[1]}`;
    return new Promise((resolve, reject) => {
      const back = (settle: () => void) => {
        this.#scheduler.at(delayMs(random), `peer< ${label}`, () => {
          if (!caller.isAlive) return;
          if (this.#isLost(caller.brokerId, brokerId, random)) reject(new RpcError("the answer was lost"));
          else settle();
        });
      };
      this.#scheduler.at(delayMs(random), `peer> ${label}`, () => {
        const exchange = this.#brokers.get(brokerId);
        if (exchange === undefined || this.#isLost(caller.brokerId, brokerId, random))
          return back(() => reject(new RpcError("the request was lost")));
        if (caller.brokerId !== brokerId && isMarker(frame)) this.#tellOfMarker(caller.brokerId, brokerId);
        exchange(frame).then(
          (answer) => back(() => resolve(answer)),
          () => back(() => reject(new RpcError("the broker gave no answer"))),
        );
      });
    });
  }

  #tellOfMarker(from: number, to: number): void {
    const tell = this.#onMarker;
    this.#onMarker = null;
    tell?.(to);
    const tellOfSender = this.#onMarkerFrom.get(from);
    this.#onMarkerFrom.delete(from);
    tellOfSender?.();
  }

  #isLost(one: number, other: number, random: Prng): boolean {
    const { nowMs } = this.#scheduler;
    const isCut = [one, other].some((id) => nowMs < (this.#cutUntilMs.get(id) ?? 0));
    return (one !== other && isCut) || random.chance(LOST_SHARE);
  }

  #random(from: number, to: number): Prng {
    const key = `${from} ${to}`;
    const random = this.#randoms.get(key) ?? Prng.named(this.#seed, `peers ${key}`);
    this.#randoms.set(key, random);
    return random;
  }
}

/** A WriteTxnMarkers request. */
function isMarker(frame: Uint8Array): boolean {
  return ((frame[0] << 8) | frame[1]) === ApiKey.WriteTxnMarkers;
}

function delayMs(random: Prng): number {
  return 0.2 + random.exponential(0.5) + (random.chance(0.01) ? random.exponential(200) : 0);
}
