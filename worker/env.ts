import type { BrokerObject } from "./objects/broker-object.ts";
import type { ClusterObject } from "./objects/cluster-object.ts";
import type { S3Env } from "./storage/s3-settings.ts";

/** The bindings of wrangler.toml. */
export interface Env extends S3Env {
  readonly BROKER: DurableObjectNamespace<BrokerObject>;
  readonly CLUSTER: DurableObjectNamespace<ClusterObject>;
  /** Where sealed segments go: a bucket of R2 (on the platform and in development) or a folder (`npm start`). */
  readonly SEGMENTS?: R2Bucket;
  readonly SEGMENTS_FOLDER?: Fetcher;
  /** The way to an S3 store (`npm start`); where it is missing, the internet. */
  readonly S3_NETWORK?: Fetcher;
  /** The brokers and their advertised addresses: `id@host:port`, comma separated. */
  readonly KEDGE_BROKERS: string;
  /** Broker configs: `name=value`, separated by semicolons. */
  readonly KEDGE_CONFIGS?: string;
}
