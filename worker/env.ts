import type { BrokerObject } from "./objects/broker-object.ts";
import type { ClusterObject } from "./objects/cluster-object.ts";

/** The bindings of wrangler.toml. */
export interface Env {
  readonly BROKER: DurableObjectNamespace<BrokerObject>;
  readonly CLUSTER: DurableObjectNamespace<ClusterObject>;
  /** The brokers and their advertised addresses: `id@host:port`, comma separated. */
  readonly KEDGE_BROKERS: string;
}
