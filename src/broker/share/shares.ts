import { SHARE_GROUP_STATE_TOPIC } from "#cluster/topic-names.ts";
import type { ClusterImage } from "#ports/controller.ts";
import type { Random } from "#ports/random.ts";
import { type SessionMember, ShareSessions } from "#share/sessions.ts";
import type { Broker } from "../broker.ts";
import { coordinatorEnvironment } from "../coordinator/environment.ts";
import type { Peer } from "../handler.ts";
import { ShareCoordinators, type SharePersister } from "./coordinators.ts";
import { ShareDeadLetters } from "./dead-letters.ts";
import { type LedLog, SharePartitions } from "./partitions.ts";
import { clusterPersister } from "./persister.ts";
import { type ShareGroupSettings, shareGroupSettings } from "./settings.ts";

/** Groups whose settings are at hand; others' are looked up anew. */
const MAX_REMEMBERED_SETTINGS = 2_000;

/** All that a broker does for share groups beside their membership: as leader of partitions and as share coordinator. */
export class Shares {
  readonly coordinators: ShareCoordinators;
  /** The share coordinators of the whole cluster. */
  readonly persister: SharePersister;
  readonly partitions: SharePartitions;
  readonly sessions: ShareSessions;
  private readonly broker: Broker;
  /** Made once per group and image. */
  private readonly settingsByGroup = new Map<string, ShareGroupSettings>();
  private settingsOf: ClusterImage | null = null;
  /** How each session learns that its connection has ended. */
  private readonly subscriptions = new Map<string, () => void>();

  constructor(broker: Broker, ports: { readonly random: Random }) {
    const { share } = broker.settings;
    this.broker = broker;
    this.coordinators = new ShareCoordinators(
      coordinatorEnvironment(broker, SHARE_GROUP_STATE_TOPIC, ports),
      (topicId, partitionIndex) => broker.cluster.topicById(topicId)?.partitions[partitionIndex] !== undefined,
      { updatesPerSnapshot: share.updatesPerSnapshot },
    );
    this.persister = clusterPersister(broker, this.coordinators);
    this.sessions = new ShareSessions(share.maxSessions);
    const deadLetters = new ShareDeadLetters(broker);
    this.partitions = new SharePartitions({
      clock: broker.clock,
      timers: broker.timers,
      persister: this.persister,
      settings: (groupId) => this.settings(groupId),
      resetOffset: (led, settings) => this.resetOffset(led, settings),
      wake: (log) => broker.wakeFetches(log),
      writeDeadLetters: (key, letters) => deadLetters.write(key, letters, this.settings(key.groupId)),
    });
  }

  /** What holds for a group now. */
  settings(groupId: string): ShareGroupSettings {
    const { image } = this.broker.cluster;
    if (this.settingsOf !== image) {
      this.settingsOf = image;
      this.settingsByGroup.clear();
    }
    let settings = this.settingsByGroup.get(groupId);
    if (settings === undefined) {
      if (this.settingsByGroup.size >= MAX_REMEMBERED_SETTINGS) this.settingsByGroup.clear();
      settings = shareGroupSettings(image, this.broker.brokerId, groupId);
      this.settingsByGroup.set(groupId, settings);
    }
    return settings;
  }

  private resetOffset({ log }: LedLog, { resetAgeMs }: ShareGroupSettings): number {
    if (resetAgeMs === null) return log.highWatermark;
    if (resetAgeMs === Number.POSITIVE_INFINITY) return log.logStartOffset;
    return log.offsetForTimestamp(this.broker.clock.nowMs() - resetAgeMs)?.offset ?? log.highWatermark;
  }

  /** The session lives as long as the connection on which it began. */
  watch(member: SessionMember, peer: Peer): void {
    const key = keyOf(member);
    this.subscriptions.get(key)?.();
    const unsubscribe = peer.onVanish(() => {
      this.closeSession(member).catch(() => undefined);
    });
    this.subscriptions.set(key, unsubscribe);
  }

  /** Ends a member's session: what it holds is released. With its last session the group's state goes from memory. */
  async closeSession(member: SessionMember): Promise<void> {
    const { groupId, memberId } = member;
    const key = keyOf(member);
    this.subscriptions.get(key)?.();
    this.subscriptions.delete(key);
    const held = this.sessions.close(member);
    try {
      await Promise.all(
        held.map(({ topicId, partitionIndex }) =>
          this.partitions.releaseMember({ groupId, topicId, partitionIndex }, memberId),
        ),
      );
    } finally {
      if (this.sessions.countOf(groupId) === 0) this.partitions.groupLeft(groupId);
    }
  }

  /** To be called when the cluster image has changed. */
  clusterChanged(): void {
    const { cluster, brokerId } = this.broker;
    this.coordinators.leadershipChanged();
    this.coordinators.topicsDeleted();
    this.partitions.leadershipChanged(({ topicId, partitionIndex }) => {
      const partition = cluster.topicById(topicId)?.partitions[partitionIndex];
      return partition?.leaderId === brokerId ? partition.leaderEpoch : null;
    });
  }
}

function keyOf({ groupId, memberId }: SessionMember): string {
  return `${groupId.length} ${groupId} ${memberId}`;
}
