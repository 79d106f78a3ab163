import { listOf, longOf } from "#cluster/config-definition.ts";
import { resolveBrokerConfig, resolveGroupConfig } from "#cluster/resolve-config.ts";
import type { ClusterImage } from "#ports/controller.ts";

/** What holds for one streams group: its own configs (`streams.*`), or where it has none the broker's. */
export function streamsGroupConfig(image: ClusterImage, brokerId: number, groupId: string) {
  const text = (name: string) => resolveGroupConfig(image, brokerId, groupId, name).value as string;
  const number = (name: string) => longOf(text(name));
  return {
    sessionTimeoutMs: number("streams.session.timeout.ms"),
    heartbeatIntervalMs: number("streams.heartbeat.interval.ms"),
    assignmentIntervalMs: number("streams.assignment.interval.ms"),
    initialRebalanceDelayMs: number("streams.initial.rebalance.delay.ms"),
    standbyReplicas: number("streams.num.standby.replicas"),
    rackAwareTags: listOf(text("streams.rack.aware.assignment.tags")),
    maxSize: longOf(resolveBrokerConfig(image, brokerId, "group.streams.max.size").value as string),
  };
}
