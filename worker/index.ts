import type { Env } from "./env.ts";
import { handleHttp } from "./listener/http.ts";
import { pipeToBroker } from "./listener/tcp.ts";

export { BrokerObject } from "./objects/broker-object.ts";
export { ClusterObject } from "./objects/cluster-object.ts";

export default {
  fetch: handleHttp,
  connect: pipeToBroker,
} satisfies ExportedHandler<Env>;
