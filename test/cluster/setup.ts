import { uuidFromBytes } from "#bytes/uuid.ts";
import { Cluster } from "#cluster/cluster.ts";
import { remoteController } from "#cluster/remote-controller.ts";
import { type ClusterView, viewOf } from "#cluster/view.ts";
import type { BrokerImage, ClusterImage, ConfigValues, Controller, NewTopic } from "#ports/controller.ts";
import type { Random } from "#ports/random.ts";
import { MemoryClusterStore } from "./memory-cluster-store.ts";

/** Different ids, the same in every run. */
export function countingRandom(): Random {
  let count = 0;
  return {
    uuid() {
      count += 1;
      return uuidFromBytes(
        Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? count & 0xff : i === 14 ? count >> 8 : 7)),
      );
    },
    below: (bound) => count++ % bound,
  };
}

export function brokers(...ids: readonly number[]): BrokerImage[] {
  return ids.map((id) => ({ id, host: "127.0.0.1", port: 9091 + id, rack: id % 2 === 0 ? "even" : null }));
}

export function topic(name: string, more: Partial<NewTopic> = {}): NewTopic {
  return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...more };
}

export interface TestBroker {
  readonly brokerId: number;
  readonly cluster: ClusterView;
  readonly controller: Controller;
}

export interface TestCluster {
  readonly cluster: Cluster;
  readonly store: MemoryClusterStore;
  /** What was pushed, newest last, with who had asked. */
  /** What was said to be fatal. */
  readonly fatal: unknown[];
  readonly pushed: { readonly image: ClusterImage; readonly askerId: number }[];
  /** A broker that learns only from its own calls. */
  broker(brokerId: number): Promise<TestBroker>;
}

export async function openCluster(
  options: {
    readonly brokerIds?: readonly number[];
    readonly configs?: ConfigValues;
    readonly store?: MemoryClusterStore;
  } = {},
): Promise<TestCluster> {
  const store = options.store ?? new MemoryClusterStore();
  const pushed: { image: ClusterImage; askerId: number }[] = [];
  const fatal: unknown[] = [];
  const cluster = await Cluster.open(
    {
      store,
      random: countingRandom(),
      onImage: (image, askerId) => pushed.push({ image, askerId }),
      onFatal: (error) => fatal.push(error),
    },
    { brokers: brokers(...(options.brokerIds ?? [1])), staticBrokerConfigs: options.configs ?? {} },
  );
  return { cluster, store, pushed, fatal, broker: (brokerId) => openBroker(cluster, brokerId) };
}

async function openBroker(cluster: Cluster, brokerId: number): Promise<TestBroker> {
  let view: ClusterView | null = null;
  const controller = remoteController(structuredClones(cluster), {
    brokerId,
    image: () => view?.image ?? null,
    adopt: (image) => {
      view = viewOf(image);
    },
  });
  await controller.refresh();
  return {
    brokerId,
    controller,
    get cluster() {
      return view as ClusterView;
    },
  };
}

/** The same calls with arguments and answers copied as an RPC would: what can't be cloned fails here. */
function structuredClones(cluster: Cluster): Cluster {
  return new Proxy(cluster, {
    get: (target, name) => {
      const method = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]) => structuredClone(await method.apply(target, structuredClone(args)));
    },
  });
}
