import { DurableObject } from "cloudflare:workers";
import { parseBrokers, parseStaticConfigs } from "#cluster/boot.ts";
import { Cluster } from "#cluster/cluster.ts";
import type {
  ClusterImage,
  ConfigAlteration,
  ConfigReplacement,
  ControllerCall,
  ControllerRpc,
  MorePartitions,
  NewTopic,
  TopicReference,
} from "#ports/controller.ts";
import type { Env } from "../env.ts";
import { sqliteClusterStore } from "../storage/cluster-store.ts";
import { runtimeRandom } from "./runtime-ports.ts";

/** What of the environment says how the cluster is set up. `KEDGE_CONFIGS` is optional. */
interface SetupEnv {
  readonly KEDGE_BROKERS: string;
  readonly KEDGE_CONFIGS?: string;
}

/** The controller: the one object that knows brokers, topics, leaders and configs. Every method is one RPC of a broker. */
export class ClusterObject extends DurableObject<Env> implements ControllerRpc {
  #cluster!: Cluster;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    context.blockConcurrencyWhile(async () => {
      this.#cluster = await Cluster.open(
        {
          store: sqliteClusterStore(context.storage),
          random: runtimeRandom,
          onImage: (image, askerId) => this.#tellOthers(image, askerId),
          onFatal: (error) => context.abort(String(error)),
        },
        setupOf(env),
      );
    });
  }

  image(sinceVersion: number) {
    return this.#cluster.image(sinceVersion);
  }

  createTopics(call: ControllerCall<NewTopic>) {
    return this.#cluster.createTopics(call);
  }

  deleteTopics(call: ControllerCall<TopicReference>) {
    return this.#cluster.deleteTopics(call);
  }

  createPartitions(call: ControllerCall<MorePartitions>) {
    return this.#cluster.createPartitions(call);
  }

  alterConfigs(call: ControllerCall<ConfigAlteration>) {
    return this.#cluster.alterConfigs(call);
  }

  replaceConfigs(call: ControllerCall<ConfigReplacement>) {
    return this.#cluster.replaceConfigs(call);
  }

  allocateProducerIds(_brokerId: number) {
    return this.#cluster.allocateProducerIds();
  }

  /**
   * The asking broker gets the image with its answer. The others are told beside it: a broker that can't be reached now asks by
   * itself when a client names a topic that it doesn't know.
   */
  #tellOthers(image: ClusterImage, askerId: number): void {
    const { BROKER } = this.env;
    const others = image.brokers.filter((broker) => broker.id !== askerId);
    const told = others.map(({ id }) => BROKER.get(BROKER.idFromName(`broker-${id}`)).updateImage(image));
    this.ctx.waitUntil(Promise.allSettled(told));
  }
}

function setupOf(env: SetupEnv) {
  return {
    brokers: parseBrokers(env.KEDGE_BROKERS),
    staticBrokerConfigs: parseStaticConfigs(env.KEDGE_CONFIGS ?? ""),
  };
}
