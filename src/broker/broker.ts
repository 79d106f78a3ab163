import { remoteController } from "#cluster/remote-controller.ts";
import { type BrokerSettings, brokerSettings, type TopicLogConfig, topicLogConfig } from "#cluster/settings.ts";
import { type ClusterView, viewOf } from "#cluster/view.ts";
import { ParkedFetches } from "#log/parked-fetches.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { PartitionLogs } from "#log/partition-logs.ts";
import type { Clock } from "#ports/clock.ts";
import type { ClusterImage, Controller, ControllerRpc, TopicImage } from "#ports/controller.ts";
import type { LogStore } from "#ports/log-store.ts";
import type { Random } from "#ports/random.ts";
import type { Timers } from "#ports/timers.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Compression } from "#records/compression.ts";
import { FetchSessions } from "./fetch-sessions.ts";
import { Gauge } from "./gauge.ts";
import { GroupCoordinators } from "./group-coordinators.ts";
import { groupEnvironment } from "./group-environment.ts";
import type { Handler, Peer } from "./handler.ts";
import { ProducerIds } from "./producer-ids.ts";

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
  /** Bytes of answers that no client has read yet. */
  readonly answers = new Gauge();
  readonly #random: Random;
  readonly #logs: PartitionLogs;
  readonly #parked: ParkedFetches;
  #view: ClusterView | null = null;
  #settings: BrokerSettings | null = null;
  #groups: GroupCoordinators | null = null;
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
    });
    this.#logs.onCommitted((log) => this.#parked.wake(log));
    this.controller = remoteController(ports.controller, {
      brokerId: ports.brokerId,
      image: () => this.#view?.image ?? null,
      adopt: (image) => this.adopt(image),
    });
    this.fetchSessions = new FetchSessions(ports.random);
    this.producerIds = new ProducerIds(this.controller);
    this.#random = ports.random;
  }

  /** Opens what is stored and learns of the cluster; the broker takes requests from then on. */
  static async open(ports: BrokerPorts): Promise<Broker> {
    const broker = new Broker(ports);
    await broker.controller.refresh();
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
    this.#groups ??= new GroupCoordinators(groupEnvironment(this, { random: this.#random }), this.settings.group);
    return this.#groups;
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
    const log = this.#logs.getOrCreate(topic.topicId, partitionIndex);
    if (this.#ledEpochs.get(log) !== partition.leaderEpoch) {
      log.becomeLeader(partition.leaderEpoch);
      this.#ledEpochs.set(log, partition.leaderEpoch);
    }
    return log;
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
