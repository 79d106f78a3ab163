import { listOf, longOf } from "#cluster/config-definition.ts";
import { resolveBrokerConfig, resolveGroupConfig } from "#cluster/resolve-config.ts";
import type { StreamsGroupConfig } from "#group/streams/limits.ts";
import type { ClusterImage } from "#ports/controller.ts";

/** By image and broker, what holds for groups without configs of their own: few have any, and every heartbeat asks. */
const ofMostGroups = new WeakMap<ClusterImage, Map<number, StreamsGroupConfig>>();

/** What holds for one streams group: its own configs (`streams.*`), or where it has none the broker's. */
export function streamsGroupConfig(image: ClusterImage, brokerId: number, groupId: string): StreamsGroupConfig {
  if (Object.hasOwn(image.groupConfigs, groupId)) return resolved(image, brokerId, groupId);
  const byBroker = ofMostGroups.get(image) ?? new Map<number, StreamsGroupConfig>();
  const config = byBroker.get(brokerId) ?? resolved(image, brokerId, groupId);
  ofMostGroups.set(image, byBroker.set(brokerId, config));
  return config;
}

function resolved(image: ClusterImage, brokerId: number, groupId: string): StreamsGroupConfig {
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
