import { longOf } from "#cluster/config-definition.ts";
import { offsetResetAgeMs } from "#cluster/group-configs.ts";
import { resolveBrokerConfig, resolveGroupConfig } from "#cluster/resolve-config.ts";
import type { ClusterImage } from "#ports/controller.ts";
import type { ShareSettings } from "#share/limits.ts";

/** What holds for one share group: its own configs (`share.*`), or where it has none the broker's. */
export interface ShareGroupSettings extends ShareSettings {
  readonly isReadCommitted: boolean;
  /**
   * Where the group begins in a partition that it hasn't seen: at the first record that isn't older than this; null for the end of the log,
   * Infinity for its start.
   */
  readonly resetAgeMs: number | null;
  /** Empty: there is none. */
  readonly deadLetterTopic: string;
  readonly copiesDeadLetters: boolean;
}

export function shareGroupSettings(image: ClusterImage, brokerId: number, groupId: string): ShareGroupSettings {
  const text = (name: string) => resolveGroupConfig(image, brokerId, groupId, name).value as string;
  const deadLetterTopic = text("errors.deadletterqueue.topic.name");
  return {
    recordLockDurationMs: longOf(text("share.record.lock.duration.ms")),
    deliveryCountLimit: longOf(text("share.delivery.count.limit")),
    maxRecordLocks: longOf(text("share.partition.max.record.locks")),
    isRenewEnabled: text("share.renew.acknowledge.enable") === "true",
    isReadCommitted: text("share.isolation.level") === "read_committed",
    resetAgeMs: offsetResetAgeMs(text("share.auto.offset.reset")),
    hasDeadLetterQueue: deadLetterTopic !== "",
    deadLetterTopic,
    copiesDeadLetters: text("errors.deadletterqueue.copy.record.enable") === "true",
  };
}

/** What holds for the members of one share group. */
export function shareGroupConfig(image: ClusterImage, brokerId: number, groupId: string) {
  const number = (name: string) => longOf(resolveGroupConfig(image, brokerId, groupId, name).value as string);
  return {
    sessionTimeoutMs: number("share.session.timeout.ms"),
    heartbeatIntervalMs: number("share.heartbeat.interval.ms"),
    assignmentIntervalMs: number("share.assignment.interval.ms"),
    maxSize: longOf(resolveBrokerConfig(image, brokerId, "group.share.max.size").value as string),
  };
}
