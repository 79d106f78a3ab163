import { nodeClock, nodeRandom, nodeTimers } from "#cli/node-ports.ts";
import { TcpTransport } from "#cli/tcp-transport.ts";
import { Client, type ClientPorts } from "#client/client.ts";
import { failed, type Outcome } from "#client/outcome.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { zlibCodecs } from "#worker/codecs.ts";

export const nodePorts: Omit<ClientPorts, "transport"> = {
  clock: nodeClock,
  timers: nodeTimers,
  random: nodeRandom,
  kernels: referenceKernels,
  codecs: zlibCodecs,
};

/** Our own client in Node, over TCP. */
export function tcpClient(bootstrap: string, clientId = "kedge-test"): { client: Client; close(): void } {
  const transport = new TcpTransport(bootstrap);
  return { client: new Client({ ...nodePorts, transport }, { clientId }), close: () => transport.close() };
}

/** The value of what must have succeeded. */
export function valueOf<T>(outcome: Outcome<T>): T {
  if (failed(outcome)) throw new Error(`error ${outcome.errorCode}: ${outcome.message}`);
  return outcome.value;
}
