import { Reader } from "#bytes/reader.ts";
import type { Transport } from "#ports/transport.ts";
import { decodeRequestHeader } from "#protocol/header.ts";

/** A request as the network sees it. */
export interface SeenFrame {
  readonly brokerId: number;
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Counts the requests of this API from 1 on. */
  readonly count: number;
}

/** A network that a test can break: before a request arrives, and before its answer does. A throw loses it, a promise delays it. */
export class FaultyTransport implements Transport {
  before: (seen: SeenFrame) => unknown = () => undefined;
  after: (seen: SeenFrame) => unknown = () => undefined;
  readonly seen: SeenFrame[] = [];
  private readonly inner: (brokerId: number, frame: Uint8Array) => Promise<Uint8Array>;
  private readonly cuts = new Set<() => void>();

  constructor(inner: (brokerId: number, frame: Uint8Array) => Promise<Uint8Array>) {
    this.inner = inner;
  }

  count(apiKey: number): number {
    return this.seen.filter((one) => one.apiKey === apiKey).length;
  }

  async exchange(brokerId: number | null, frame: Uint8Array): Promise<Uint8Array> {
    const { apiKey, apiVersion } = decodeRequestHeader(new Reader(frame));
    const seen = { brokerId: brokerId ?? 1, apiKey, apiVersion, count: this.count(apiKey) + 1 };
    this.seen.push(seen);
    const cut = new Promise<never>((_, reject) => {
      this.cuts.add(() => reject(new Error("cut")));
    });
    cut.catch(() => undefined);
    const work = (async () => {
      await this.before(seen);
      const answer = await this.inner(seen.brokerId, frame.slice());
      await this.after(seen);
      return answer.slice();
    })();
    return await Promise.race([work, cut]);
  }

  /** Every request that is under way loses its answer. */
  cut(): void {
    for (const cut of this.cuts) cut();
    this.cuts.clear();
  }
}
