import type {
  AlterConfigsOutcome,
  ClusterImage,
  ConfigAlteration,
  ConfigReplacement,
  ControllerAnswer,
  ControllerCall,
  ControllerRpc,
  CreatePartitionsOutcome,
  CreateTopicOutcome,
  DeleteTopicOutcome,
  MorePartitions,
  NewTopic,
  ProducerIdBlock,
  TopicReference,
} from "#ports/controller.ts";
import type { Random } from "#ports/random.ts";
import { decideAlterConfigs, decideReplaceConfigs } from "./alter-configs.ts";
import { type ClusterSetup, decideBoot } from "./boot.ts";
import { decideCreatePartitions } from "./create-partitions.ts";
import { decideCreateTopics } from "./create-topics.ts";
import { decideDeleteTopics } from "./delete-topics.ts";
import { PRODUCER_ID_BLOCK_SIZE } from "./limits.ts";
import { type ClusterRecord, type ClusterState, type Decision, emptyState, imageOf, replay } from "./state.ts";
import { recordOf, rowOf, type StoredRow } from "./stored.ts";

/** Where the cluster's rows rest. */
export interface ClusterStore {
  load(): Iterable<{ readonly key: string; readonly value: string }>;
  /** Writes all rows or none before it returns, and resolves when they are durable. */
  write(rows: readonly StoredRow[]): Promise<void>;
}

export interface ClusterPorts {
  readonly store: ClusterStore;
  readonly random: Random;
  /** Called with every image once it is durable. `askerId` has it with its answer already; -1 = nobody has. */
  onImage(image: ClusterImage, askerId: number): void;
  /** A write failed: memory and disk no longer agree, and the shell must begin again from what is stored. */
  onFatal(error: unknown): void;
}

/** The controller itself, over its ports: replays at the start, then decides, stores, replays and answers. */
export class Cluster implements ControllerRpc {
  readonly #state: ClusterState = emptyState();
  readonly #ports: ClusterPorts;
  /** The newest image that is durable: the only one that anybody sees. */
  #image: ClusterImage;
  /** Settles when every change that was decided so far is durable and in `#image`. */
  #decided: Promise<void> = Promise.resolve();

  private constructor(ports: ClusterPorts) {
    this.#ports = ports;
    for (const { key, value } of ports.store.load()) replay(this.#state, recordOf(key, value));
    // Not seen by anybody: `open` commits before it hands out the cluster.
    this.#image = imageOf({ ...this.#state, clusterId: this.#state.clusterId ?? "" });
  }

  static async open(ports: ClusterPorts, setup: ClusterSetup): Promise<Cluster> {
    const cluster = new Cluster(ports);
    const records = decideBoot(cluster.#state, setup, ports.random.uuid());
    await cluster.#commit(records, NOBODY);
    return cluster;
  }

  async image(sinceVersion: number): Promise<ClusterImage | null> {
    return this.#image.version > sinceVersion ? this.#image : null;
  }

  createTopics(call: ControllerCall<NewTopic>): Promise<ControllerAnswer<CreateTopicOutcome>> {
    const topicIds = call.items.map(() => this.#ports.random.uuid());
    return this.#answer(call, () => decideCreateTopics(this.#state, call.items, { ...call, topicIds }));
  }

  deleteTopics(call: ControllerCall<TopicReference>): Promise<ControllerAnswer<DeleteTopicOutcome>> {
    return this.#answer(call, () => decideDeleteTopics(this.#state, call.items, call.brokerId));
  }

  createPartitions(call: ControllerCall<MorePartitions>): Promise<ControllerAnswer<CreatePartitionsOutcome>> {
    return this.#answer(call, () => decideCreatePartitions(this.#state, call.items, call));
  }

  alterConfigs(call: ControllerCall<ConfigAlteration>): Promise<ControllerAnswer<AlterConfigsOutcome>> {
    return this.#answer(call, () => decideAlterConfigs(this.#state, call.items, call));
  }

  replaceConfigs(call: ControllerCall<ConfigReplacement>): Promise<ControllerAnswer<AlterConfigsOutcome>> {
    return this.#answer(call, () => decideReplaceConfigs(this.#state, call.items, call));
  }

  async allocateProducerIds(): Promise<ProducerIdBlock> {
    const firstProducerId = this.#state.nextProducerId;
    const nextProducerId = firstProducerId + PRODUCER_ID_BLOCK_SIZE;
    if (!Number.isSafeInteger(nextProducerId)) throw new Error("the producer ids are used up");
    await this.#store([{ kind: "producer-ids", nextProducerId }]);
    return { firstProducerId, count: PRODUCER_ID_BLOCK_SIZE };
  }

  async #answer<Item, Out>(call: ControllerCall<Item>, decide: () => Decision<Out>): Promise<ControllerAnswer<Out>> {
    const { outcomes, records } = decide();
    // What is refused, too, was decided on changes that may not be durable yet; the image must hold what the asker is told of.
    this.#decided = both(this.#decided, this.#commit(records, call.brokerId));
    await this.#decided;
    return { outcomes, image: this.#image.version > call.imageVersion ? this.#image : null };
  }

  async #commit(records: readonly ClusterRecord[], askerId: number): Promise<void> {
    if (records.length === 0) return;
    const version = this.#state.version + 1;
    const durable = this.#store([...records, { kind: "version", version }]);
    const image = imageOf(this.#state);
    await durable;
    // A later change may have become durable first: images never go back.
    if (image.version > this.#image.version) this.#image = image;
    this.#ports.onImage(this.#image, askerId);
  }

  /** Replayed at once, so that the next command decides on it; shown only when it is durable. */
  async #store(records: readonly ClusterRecord[]): Promise<void> {
    const durable = this.#ports.store.write(records.map(rowOf));
    for (const record of records) replay(this.#state, record);
    try {
      await durable;
    } catch (error) {
      this.#ports.onFatal(error);
      throw error;
    }
  }
}

const NOBODY = -1;

async function both(one: Promise<void>, other: Promise<void>): Promise<void> {
  await Promise.all([one, other]);
}
