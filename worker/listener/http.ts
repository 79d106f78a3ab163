import { Client } from "#client/client.ts";
import { MetadataCache } from "#client/metadata.ts";
import { parseBrokers } from "#cluster/boot.ts";
import { createWasmKernels } from "#kernels/wasm.ts";
import { createRest } from "#rest/app.ts";
import kernelsModule from "../../build/kernels.wasm";
import { zlibCodecs } from "../codecs.ts";
import type { Env } from "../env.ts";
import { runtimeClock, runtimeRandom, runtimeTimers } from "../objects/runtime-ports.ts";
import { startFailures } from "../objects/start-failures.ts";
import { BrokerTransport } from "./broker-transport.ts";

const CLIENT_ID = "kedge-rest";

const kernels = createWasmKernels(kernelsModule);
const cache = new MetadataCache();
const rest = createRest({ onFailure: (error) => console.error("a request failed by a fault of ours", error) });

/**
 * Every HTTP request. The Worker holds no state but a cache and what its requests have on loan: what is asked for comes from the
 * brokers, frame by frame. `context` keeps a request going whose client has left, so that it gives back what it borrowed.
 */
export async function handleHttp(
  request: Request,
  env: Env,
  context?: Pick<ExecutionContext, "waitUntil">,
): Promise<Response> {
  const transport = new BrokerTransport(
    env,
    parseBrokers(env.KEDGE_BROKERS).map(({ id }) => id),
  );
  const client = new Client(
    { transport, clock: runtimeClock, timers: runtimeTimers, random: runtimeRandom, kernels, codecs: zlibCodecs },
    { clientId: CLIENT_ID, cache },
  );
  const response = Promise.resolve(rest.fetch(request, { client, startFailure: () => startFailures.reason }));
  context?.waitUntil(response);
  return response;
}
