import { Broker } from "#broker/broker.ts";
import { Connection } from "#broker/connection.ts";
import { dispatch } from "#broker/dispatch.ts";
import { CLOSE_CONNECTION, NO_RESPONSE } from "#broker/handler.ts";
import { handlers } from "#broker/registry.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { Cluster } from "#cluster/cluster.ts";
import { referenceKernels } from "#kernels/reference.ts";
import type { SpaceLimits } from "#log/local-space.ts";
import type { BrokerImage } from "#ports/controller.ts";
import type { ObjectStore } from "#ports/object-store.ts";
import { encodeRequestFrame, FRAME_SIZE_BYTES } from "#protocol/frame.ts";
import { decodeResponseHeader } from "#protocol/header.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import { MemoryClusterStore } from "../cluster/memory-cluster-store.ts";
import { ManualTime } from "./manual-time.ts";
import { MemoryLogStore } from "./memory-log-store.ts";

export const compression = { kernels: referenceKernels, codecs: zlibCodecs };

/** Where the brokers keep their logs beside their log stores, and the operator's configs. */
export interface StorageOptions {
  readonly objects?: ObjectStore;
  readonly spaceLimits?: SpaceLimits;
  readonly configs?: Readonly<Record<string, string>>;
}

/** A whole cluster of real cores in one process: controller and brokers, over stores in memory and a clock that stands still. */
export class CoreCluster {
  readonly time = new ManualTime(0);
  readonly stores = new Map<number, MemoryLogStore>();
  readonly brokers = new Map<number, Broker>();
  readonly fatal: unknown[] = [];
  /** What the brokers said of partitions that they can't open. */
  readonly unreadable: string[] = [];
  /** When brokers have said that they want to be woken. */
  readonly dues: number[] = [];
  #storage: StorageOptions = {};
  #controller!: Cluster;
  #drawn = 0;

  private readonly random = {
    uuid: () => `${(this.#drawn++).toString().padStart(21, "u")}A`,
    below: (bound: number) => this.#drawn++ % bound,
  };

  static async open(brokerIds: readonly number[] = [1], storage: StorageOptions = {}): Promise<CoreCluster> {
    const cluster = new CoreCluster();
    cluster.#storage = storage;
    const images = brokerIds.map((id): BrokerImage => ({ id, host: "127.0.0.1", port: 9091 + id, rack: null }));
    cluster.#controller = await Cluster.open(
      {
        store: new MemoryClusterStore(),
        random: cluster.random,
        onImage: (image) => {
          for (const broker of cluster.brokers.values()) broker.adopt(image);
        },
        onFatal: (error) => cluster.fatal.push(error),
      },
      { brokers: images, staticBrokerConfigs: storage.configs ?? {} },
    );
    for (const id of brokerIds) await cluster.start(id, new MemoryLogStore());
    return cluster;
  }

  async start(brokerId: number, store: MemoryLogStore): Promise<Broker> {
    const broker = await Broker.open({
      brokerId,
      handlers,
      clock: this.time,
      random: this.random,
      timers: this.time,
      controller: this.#controller,
      logStore: store,
      objectStore: this.#storage.objects,
      spaceLimits: this.#storage.spaceLimits,
      compression,
      peers: { exchange: (id, frame) => this.exchange(id ?? brokerId, frame) },
      onNextDue: (dueMs) => this.dues.push(dueMs),
      onUnreadable: (sentence) => this.unreadable.push(sentence),
      onFatal: (error) => this.fatal.push(error),
    });
    this.stores.set(brokerId, store);
    this.brokers.set(brokerId, broker);
    return broker;
  }

  /** One request from a broker to another, as by RPC; a test may lose it. */
  exchange = async (brokerId: number, frame: Uint8Array): Promise<Uint8Array> => {
    await Promise.resolve();
    const peer = { clientHost: "127.0.0.1", hasVanished: false, onVanish: () => () => undefined };
    const outcome = await dispatch(this.broker(brokerId), peer, frame);
    if (outcome === CLOSE_CONNECTION || outcome === NO_RESPONSE) throw new Error("closed");
    return Buffer.concat(outcome).subarray(FRAME_SIZE_BYTES);
  };

  /** The broker dies; another begins from what had been committed. */
  crash(brokerId: number): Promise<Broker> {
    return this.start(brokerId, this.store(brokerId).crashed());
  }

  broker(brokerId: number): Broker {
    const broker = this.brokers.get(brokerId);
    if (broker === undefined) throw new Error(`the test has no broker ${brokerId}`);
    return broker;
  }

  store(brokerId: number): MemoryLogStore {
    const store = this.stores.get(brokerId);
    if (store === undefined) throw new Error(`the test has no broker ${brokerId}`);
    return store;
  }

  connect(brokerId = 1): TestClient {
    return new TestClient(this.broker(brokerId));
  }
}

/** One connection to one broker, in whole frames. */
export class TestClient {
  readonly connection: Connection;
  readonly brokerId: number;
  #correlationId = 0;
  #sending: Promise<unknown> = Promise.resolve();
  #queued = 0;
  #receiving: Promise<unknown> = Promise.resolve();

  constructor(broker: Broker) {
    this.brokerId = broker.brokerId;
    this.connection = new Connection(broker, "127.0.0.1");
  }

  /** Sends without waiting; answers come by `receive` in the same order. */
  send<Q>(request: Message<Q>, version: number, draft: Draft<Q>): void {
    const writer = new Writer();
    this.#correlationId += 1;
    const head = { apiVersion: version, correlationId: this.#correlationId, clientId: "test" };
    encodeRequestFrame(writer, request, head, draft);
    this.sendRaw(writer.finish().subarray(FRAME_SIZE_BYTES));
  }

  sendRaw(frame: Uint8Array): void {
    // As on a socket, the buffer is used again as soon as the frame was taken.
    const reused = frame.slice();
    if (this.#queued === 0 && this.connection.admits(reused)) {
      const busy = this.connection.accept(reused);
      if (busy === null) reused.fill(0xee);
      return;
    }
    this.#queued += 1;
    this.#sending = this.#sending.then(async () => {
      this.#queued -= 1;
      if (!(await this.connection.admit(reused))) return;
      await this.connection.accept(reused);
      reused.fill(0xee);
    });
  }

  /** The next answer; "closed" when the broker closes the connection. */
  receive<S>(response: Message<S>, version: number): Promise<S> {
    const received = this.#receiving.then(() => this.#receive(response, version));
    this.#receiving = received.catch(() => undefined);
    return received;
  }

  async #receive<S>(response: Message<S>, version: number): Promise<S> {
    const outcome = await this.connection.next();
    if (outcome === null || outcome === CLOSE_CONNECTION) throw new Error("closed");
    if (outcome === NO_RESPONSE) throw new Error("no response");
    const bytes = Buffer.concat(outcome);
    const reader = new Reader(bytes, FRAME_SIZE_BYTES);
    decodeResponseHeader(reader, response.apiKey, version);
    const decoded = response.decode(reader, version);
    if (reader.remaining > 0) throw new Error("bytes remain behind the response");
    return decoded;
  }

  call<Q, S>(request: Message<Q>, response: Message<S>, version: number, draft: Draft<Q>): Promise<S> {
    this.send(request, version, draft);
    return this.receive(response, version);
  }
}

/** One batch of one record per value. */
export function batchOf(
  values: readonly string[],
  options: { producerId?: number; producerEpoch?: number; baseSequence?: number; transactional?: boolean } = {},
): Uint8Array {
  const records = values.map((value) => ({
    timestampMs: 1_700_000_000_000,
    key: null,
    value: Buffer.from(value),
    headers: [],
  }));
  return buildBatch(compression, records, options);
}

/** The values in a Fetch response's records, in order, with their offsets. */
export function valuesIn(records: Uint8Array | null): { offset: number; value: string }[] {
  if (records === null) return [];
  return [...readBatches(records)].flatMap(({ at }) =>
    readRecords(compression, records, at).map(({ offset, value }) => ({
      offset,
      value: Buffer.from(value ?? []).toString(),
    })),
  );
}
