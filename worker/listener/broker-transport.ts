import type { Transport } from "#ports/transport.ts";
import type { Env } from "../env.ts";

/** The brokers' objects, one RPC for each frame. Made anew for every request: a stub belongs to the request that made it. */
export class BrokerTransport implements Transport {
  readonly #env: Env;
  readonly #brokerIds: readonly number[];

  constructor(env: Env, brokerIds: readonly number[]) {
    this.#env = env;
    this.#brokerIds = brokerIds;
  }

  async exchange(brokerId: number | null, frame: Uint8Array): Promise<Uint8Array> {
    const id = brokerId ?? this.#brokerIds[0];
    // An object would be made for any name: only brokers that exist are asked.
    if (id === undefined || !this.#brokerIds.includes(id)) throw new Error(`there is no broker ${id}`);
    const stub = this.#env.BROKER.get(this.#env.BROKER.idFromName(`broker-${id}`));
    // A view sent over RPC would ship its whole buffer.
    const answer = await stub.exchange(frame.slice());
    if (answer === null) throw new Error(`broker ${id} closed the connection`);
    return answer;
  }
}
