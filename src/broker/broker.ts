import { remoteController } from "#cluster/remote-controller.ts";
import { type BrokerSettings, brokerSettings, type TopicLogConfig, topicLogConfig } from "#cluster/settings.ts";
import { TRANSACTION_STATE_TOPIC } from "#cluster/topic-names.ts";
import { type ClusterView, viewOf } from "#cluster/view.ts";
import { type CompactedPartition, Compactor } from "#log/compaction/compactor.ts";
import { SECRET_BYTES } from "#log/compaction/key-hash.ts";
import type { SpaceLimits } from "#log/local-space.ts";
import { ParkedFetches } from "#log/parked-fetches.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { PartitionLogs } from "#log/partition-logs.ts";
import type { TieredReader } from "#log/tiering/tiered-reader.ts";
import { UnreadableLogError } from "#log/unreadable.ts";
import type { Clock } from "#ports/clock.ts";
import type { ClusterImage, Controller, ControllerRpc, TopicImage } from "#ports/controller.ts";
import type { LogStore } from "#ports/log-store.ts";
import type { ObjectStore } from "#ports/object-store.ts";
import type { Random } from "#ports/random.ts";
import type { Timers } from "#ports/timers.ts";
import type { Transport } from "#ports/transport.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Compression } from "#records/compression.ts";
import { GroupCoordinators } from "./coordinator/group-coordinators.ts";
import { groupEnvironment } from "./coordinator/group-environment.ts";
import { FetchSessions } from "./fetch/sessions.ts";
import { Gauge } from "./gauge.ts";
import type { Handler, Peer } from "./handler.ts";
import { Peers } from "./peers.ts";
import { ProducerIds } from "./producer-ids.ts";
import { Shares } from "./share/shares.ts";
import { StorageCare } from "./storage-care.ts";
import { StreamsTopics } from "./streams-topics.ts";
import { TransactionCoordinators } from "./transaction/coordinators.ts";
import { TransactionVerification } from "./transaction/verification.ts";

/** How often a broker that suspects its image asks the controller for a newer one at most. */
const IMAGE_MIN_AGE_MS = 1_000;

/** What a broker needs of its shell. */
export interface BrokerPorts {
  readonly brokerId: number;
  readonly handlers: readonly Handler[];
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly controller: ControllerRpc;
  readonly logStore: LogStore;
  readonly compression: Compression;
  /** The way to the other brokers; missing where there is none. */
  readonly peers?: Transport;
  /** Where sealed segments may go; missing where everything stays in the log store. */
  readonly objectStore?: ObjectStore;
  readonly spaceLimits?: SpaceLimits;
  /** The object store failed: what waits for it is tried again later. */
  readonly onObjectStoreFailed?: (reason: string) => void;
  /** The broker will have something to do by itself at that time, whatever it has said before; infinity for nothing. */
  readonly onNextDue?: (dueMs: number) => void;
  /** Compaction met what it can't bear in a log, and leaves it as it is. */
  readonly onUncleanable?: (error: unknown) => void;
  /** A partition can't be opened and answers KAFKA_STORAGE_ERROR; a sentence for the operator's log. */
  readonly onUnreadable?: (sentence: string) => void;
  /** A commit failed: memory and disk no longer agree, and the shell must begin again from what is stored. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * One broker of the cluster: what it knows of the cluster, which partitions it leads, and the state that its handlers share.
 * It decides nothing about a request; the handlers translate and the state machines below decide.
 */
export class Broker {
  readonly brokerId: number;
  readonly handlers: ReadonlyMap<number, Handler>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly compression: Compression;
  readonly controller: Controller;
  readonly fetchSessions: FetchSessions;
  readonly producerIds: ProducerIds;
  readonly peers: Peers;
  readonly verification: TransactionVerification;
  readonly streamsTopics: StreamsTopics;
  /** Bytes of answers that no client has read yet. */
  readonly answers = new Gauge();
  readonly #random: Random;
  readonly #onNextDue: BrokerPorts["onNextDue"];
  readonly #logs: PartitionLogs;
  readonly #parked: ParkedFetches;
  readonly #compactor: Compactor;
  readonly #storage: StorageCare;
  #view: ClusterView | null = null;
  #settings: BrokerSettings | null = null;
  #groups: GroupCoordinators | null = null;
  #transactions: TransactionCoordinators | null = null;
  #shares: Shares | null = null;
  #turn = 0;
  #suspectedMs = Number.NEGATIVE_INFINITY;
  readonly #configs = new Map<TopicImage, TopicLogConfig>();
  /** The leader epoch under which this broker has led each open log. */
  readonly #ledEpochs = new WeakMap<PartitionLog, number>();

  private constructor(ports: BrokerPorts) {
    this.brokerId = ports.brokerId;
    this.handlers = new Map(ports.handlers.map((handler) => [handler.apiKey, handler]));
    this.clock = ports.clock;
    this.timers = ports.timers;
    this.compression = ports.compression;
    this.#parked = new ParkedFetches(ports.timers);
    this.#logs = new PartitionLogs({
      store: ports.logStore,
      compression: ports.compression,
      clock: ports.clock,
      onFailed: ports.onFatal,
      tier: ports.objectStore === undefined ? undefined : { objects: ports.objectStore, timers: ports.timers },
      spaceLimits: ports.spaceLimits,
      onUnreadable: (error) => ports.onUnreadable?.(this.#sentenceOf(error)),
    });
    this.#storage = new StorageCare(this, this.#logs, ports);
    this.#compactor = new Compactor({
      compression: ports.compression,
      clock: ports.clock,
      timers: ports.timers,
      secret: () => Uint8Array.from({ length: SECRET_BYTES }, () => ports.random.below(256)),
      partitions: () => this.#compactedPartitions(),
      committed: () => this.#logs.committed(),
      backoffMs: () => this.settings.logCleanerBackoffMs,
      onUncleanable: ports.onUncleanable,
    });
    this.#logs.onCommitted((log) => {
      this.#parked.wake(log);
      if (isDirty(log)) this.#compactor.wake();
    });
    this.controller = remoteController(ports.controller, {
      brokerId: ports.brokerId,
      image: () => this.#view?.image ?? null,
      adopt: (image) => this.adopt(image),
    });
    this.fetchSessions = new FetchSessions(ports.random);
    this.producerIds = new ProducerIds(this.controller);
    this.peers = new Peers(ports.peers ?? null, ports.timers);
    this.verification = new TransactionVerification(this);
    this.streamsTopics = new StreamsTopics(this);
    this.#random = ports.random;
    this.#onNextDue = ports.onNextDue;
  }

  /** Opens what is stored and learns of the cluster; the broker takes requests from then on. */
  static async open(ports: BrokerPorts): Promise<Broker> {
    const broker = new Broker(ports);
    await broker.controller.refresh();
    broker.#storage.begin();
    return broker;
  }

  /** The cluster as this broker knows it. */
  get cluster(): ClusterView {
    if (this.#view === null) throw new Error("the broker has no image of the cluster yet");
    return this.#view;
  }

  /** The broker's own configs, typed. */
  get settings(): BrokerSettings {
    this.#settings ??= brokerSettings(this.cluster.image, this.brokerId);
    return this.#settings;
  }

  /** The coordinators of the groups whose partition of `__consumer_offsets` this broker leads. */
  get groups(): GroupCoordinators {
    this.#groups ??= new GroupCoordinators(groupEnvironment(this, { random: this.#random }), () => this.settings.group);
    return this.#groups;
  }

  /** The coordinators of the transactional ids whose partition of `__transaction_state` this broker leads. */
  get transactions(): TransactionCoordinators {
    this.#transactions ??= new TransactionCoordinators(this, this.settings.transaction, {
      random: this.#random,
      onNextDue: this.#onNextDue,
    });
    return this.#transactions;
  }

  /** What this broker does for share groups as leader of partitions and as share coordinator. */
  get shares(): Shares {
    this.#shares ??= new Shares(this, { random: this.#random });
    return this.#shares;
  }

  /** Takes a newer image; an older one is left alone, so that images may arrive in any order. */
  adopt(image: ClusterImage): void {
    if (this.#view !== null && image.version <= this.#view.image.version) return;
    const before = this.#view;
    this.#view = viewOf(image);
    this.#settings = null;
    this.#configs.clear();
    for (const topicId of this.#logs.topicIds()) {
      if (this.#view.topicById(topicId) === undefined) this.#drop(topicId);
    }
    this.#tellGroups(before?.image.topics ?? []);
    this.#tellTransactions();
    this.#compactor.wake();
    this.#storage.clusterChanged();
  }

  /** The way to segments that have left the log store; null without an object store. */
  get tier(): TieredReader | null {
    return this.#storage.reader;
  }

  /**
   * For a shell that slept until there was something to do: expired and sealed segments, and transactions that nobody ends. Says anew when
   * there will be more.
   */
  async wakeUp(): Promise<void> {
    await this.#storage.care();
    const topicId = this.cluster.topicByName(TRANSACTION_STATE_TOPIC)?.topicId;
    if (topicId === undefined) return;
    this.#onNextDue?.(await this.transactions.nextDueMs(this.#logs.partitionsOf(topicId)));
  }

  /** A number below `count`, another one each time: who of so many comes first. */
  nextTurn(count: number): number {
    this.#turn += 1;
    return this.#turn % count;
  }

  /**
   * Asks for a newer image beside the request that gave rise to it. What the controller tells the brokers of a change can get
   * lost; a broker that never asked would serve a topic that is gone, and not know a partition that it leads, until the next change.
   */
  suspectImage(): void {
    const nowMs = this.clock.nowMs();
    if (Math.abs(nowMs - this.#suspectedMs) < IMAGE_MIN_AGE_MS) return;
    this.#suspectedMs = nowMs;
    // A controller that can't be reached is asked again by the next suspicion.
    this.controller.refresh().catch(() => undefined);
  }

  /** Groups forget what they committed for topics that are gone, and let go of what others coordinate now. */
  #tellGroups(topicsBefore: readonly TopicImage[]): void {
    this.#groups?.leadershipChanged();
    if (topicsBefore.some((topic) => this.cluster.topicById(topic.topicId) === undefined))
      this.#groups?.topicsDeleted();
    this.#shares?.clusterChanged();
  }

  /** What was under way when the broker stopped goes on without anybody asking. */
  #tellTransactions(): void {
    const topic = this.cluster.topicByName(TRANSACTION_STATE_TOPIC);
    if (topic === undefined) this.#transactions?.leadershipChanged([]);
    else this.transactions.leadershipChanged(this.#logs.partitionsOf(topic.topicId));
  }

  /** Whether the log waits for compaction, which then begins some time. */
  wantsCompaction(log: PartitionLog): boolean {
    const topic = this.cluster.topicById(log.topicId);
    if (topic === undefined || !isDirty(log) || !this.configOf(topic).compacted) return false;
    this.#compactor.wake();
    return true;
  }

  *#compactedPartitions(): Generator<CompactedPartition> {
    for (const topicId of this.#logs.topicIds()) {
      const topic = this.cluster.topicById(topicId);
      if (topic === undefined) continue;
      const config = this.configOf(topic);
      if (!config.compacted) continue;
      for (const log of this.#logs.openLogsOf(topicId)) yield { log, config };
    }
  }

  /** The topic is gone: its fetches learn of it at once, its rows go in the background. */
  #drop(topicId: string): void {
    const logs = this.#logs.openLogsOf(topicId);
    // A commit that fails is reported by `onFatal`.
    this.#logs.deleteTopic(topicId).catch(() => undefined);
    for (const log of logs) this.#parked.wake(log);
  }

  /** The log of a partition that this broker leads, or why it has none for the client. */
  lead(topic: TopicImage | undefined, partitionIndex: number): PartitionLog | ErrorCode {
    const partition = topic?.partitions[partitionIndex];
    if (partition?.leaderId !== this.brokerId) this.suspectImage();
    if (topic === undefined || partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (partition.leaderId !== this.brokerId) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const log = this.#open(topic.topicId, partitionIndex);
    if (log === null) return ErrorCode.KAFKA_STORAGE_ERROR;
    if (this.#ledEpochs.get(log) !== partition.leaderEpoch) {
      log.becomeLeader(partition.leaderEpoch);
      this.#ledEpochs.set(log, partition.leaderEpoch);
      if (isDirty(log)) this.#compactor.wake();
    }
    return log;
  }

  /** Null when what is stored of the partition can't be understood; `onUnreadable` has told. */
  #open(topicId: string, partitionIndex: number): PartitionLog | null {
    try {
      return this.#logs.getOrCreate(topicId, partitionIndex);
    } catch (error) {
      if (error instanceof UnreadableLogError) return null;
      throw error;
    }
  }

  #sentenceOf({ topicId, partitionIndex, message }: UnreadableLogError): string {
    const name = this.#view?.topicById(topicId)?.name ?? topicId;
    return (
      `partition ${partitionIndex} of topic "${name}" can't be opened and answers KAFKA_STORAGE_ERROR: ${message}. If a newer Kedge wrote ` +
      "it, start that one; else put back a copy of the data, or delete the topic. All other partitions are served."
    );
  }

  /** The configs of a topic that decide what its logs do. */
  configOf(topic: TopicImage): TopicLogConfig {
    let config = this.#configs.get(topic);
    if (config === undefined) {
      config = topicLogConfig(this.cluster.image, this.brokerId, topic);
      this.#configs.set(topic, config);
    }
    return config;
  }

  /** Resolves when all that was appended and deleted so far is durable. */
  committed(): Promise<void> {
    return this.#logs.committed();
  }

  /** Something else than the log has changed what those who wait for its records may get. */
  wakeFetches(log: PartitionLog): void {
    this.#parked.wake(log);
  }

  /** Bytes that were appended and are not durable yet. */
  get stagedBytes(): number {
    return this.#logs.stagedBytes;
  }

  /**
   * Parks until one of the logs has changed and `isSatisfied` holds, which is asked at each change and should read nothing
   * (`PartitionLog.bytesAvailable`); false at the deadline, or when the client has gone.
   */
  async parkFetch(
    logs: readonly PartitionLog[],
    deadlineMs: number,
    peer: Peer,
    isSatisfied: () => boolean,
  ): Promise<boolean> {
    const waitMs = deadlineMs - this.clock.nowMs();
    if (waitMs <= 0) return false;
    const parked = this.#parked.park(logs, isSatisfied, waitMs);
    const unsubscribe = peer.onVanish(() => parked.cancel());
    try {
      return (await parked.done) === "satisfied";
    } finally {
      unsubscribe();
    }
  }
}

/** A sealed segment waits for compaction, if the topic wants that. */
function isDirty(log: PartitionLog): boolean {
  return log.firstDirtyOffset < log.segments.active.baseOffset;
}
