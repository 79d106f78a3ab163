import { createTopic } from "#client/admin.ts";
import { Client } from "#client/client.ts";
import type { Random } from "#ports/random.ts";
import { CoreCluster, compression } from "./core-cluster.ts";
import { FaultyTransport } from "./faulty-transport.ts";
import { settle } from "./manual-time.ts";
import { valueOf } from "./tcp-client.ts";

/** Small steps, so that what is due at different times happens in different steps. */
const STEP_MS = 20;
const MAX_STEPS = 20_000;

/** A whole cluster of real cores, a network that can be broken, and our client at it. Time stands still but for `run`. */
export interface CoreClient {
  readonly cluster: CoreCluster;
  readonly transport: FaultyTransport;
  readonly client: Client;
  /** Moves the clock until the work has come to its end. */
  run<T>(work: Promise<T>): Promise<T>;
  /** Moves the clock until the condition holds. */
  until(condition: () => boolean): Promise<void>;
}

export async function coreClient(
  brokerIds: readonly number[] = [1],
  random: Random = countingRandom(),
): Promise<CoreClient> {
  const cluster = await CoreCluster.open(brokerIds);
  const transport = new FaultyTransport((brokerId, frame) => cluster.exchange(brokerId, frame));
  const { time } = cluster;
  const client = new Client({ transport, clock: time, timers: time, random, ...compression }, { clientId: "test" });
  const until = async (condition: () => boolean): Promise<void> => {
    for (let step = 0; !condition(); step++) {
      if (step === MAX_STEPS) throw new Error("it doesn't come to its end");
      await settle();
      if (!condition()) await time.advance(STEP_MS);
    }
  };
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    work.then(done, done);
    await until(() => isDone);
    return await work;
  };
  return { cluster, transport, client, run, until };
}

export async function createTopics(at: CoreClient, names: readonly string[], partitionCount: number): Promise<void> {
  for (const name of names) valueOf(await at.run(createTopic(at.client, { name, partitionCount })));
}

let drawn = 0;

/** Never the same uuid twice in a process. */
export function countingRandom(): Random {
  let below = 0;
  return {
    uuid: () => `r${(drawn++).toString().padStart(20, "0")}A`,
    below: (bound) => below++ % Math.max(Math.floor(bound), 1),
  };
}
