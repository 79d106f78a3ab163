import type { ControllerRpc } from "#ports/controller.ts";
import type { Env } from "../env.ts";

/**
 * The cluster object, by a stub of its own for every call: a stub stays broken after its object was reset (a full disk does that),
 * and a new one reaches the object that came back.
 */
export function controllerOf(env: Env): ControllerRpc {
  const stub = () => env.CLUSTER.get(env.CLUSTER.idFromName("cluster"));
  return {
    image: (sinceVersion) => stub().image(sinceVersion),
    createTopics: (call) => stub().createTopics(call),
    deleteTopics: (call) => stub().deleteTopics(call),
    createPartitions: (call) => stub().createPartitions(call),
    alterConfigs: (call) => stub().alterConfigs(call),
    replaceConfigs: (call) => stub().replaceConfigs(call),
    allocateProducerIds: (brokerId) => stub().allocateProducerIds(brokerId),
  };
}
