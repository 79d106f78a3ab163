import { parseBrokers } from "#cluster/boot.ts";
import type { Env } from "../env.ts";

/**
 * A Kafka client has connected: its bytes go straight to the broker object whose address it dialled, and that
 * object owns the connection. The address given to `connect` tells the object who the client is.
 */
export async function pipeToBroker(socket: Socket, env: Env): Promise<void> {
  const { localAddress, remoteAddress } = await socket.opened;
  // HTTP's CONNECT method comes here, too, without a peer: who opens only the HTTP port must not open Kafka by it.
  if (remoteAddress === undefined) return socket.close();
  const brokers = parseBrokers(env.KEDGE_BROKERS);
  const port = portOf(localAddress);
  const broker = brokers.find((candidate) => candidate.port === port) ?? brokers[0];
  const stub = env.BROKER.get(env.BROKER.idFromName(`broker-${broker.id}`));
  const upstream = stub.connect({ hostname: hostOf(remoteAddress), port: portOf(remoteAddress) });
  // A socket that breaks says so here as well; nobody needs to hear it twice.
  for (const end of [socket, upstream]) end.closed.catch(() => undefined);
  // Either direction that ends ends the other: pipeTo closes or aborts its far side, and a broken pipe is no error here.
  await Promise.allSettled([
    socket.readable.pipeTo(upstream.writable),
    upstream.readable.pipeTo(socket.writable).finally(() => socket.close()),
  ]);
}

function portOf(address: string | undefined): number {
  return Number(address?.slice(address.lastIndexOf(":") + 1) ?? 0);
}

/** `127.0.0.1:5000` → `127.0.0.1`, `[::1]:5000` → `[::1]`. */
function hostOf(address: string | undefined): string {
  return address === undefined ? "unknown" : address.slice(0, address.lastIndexOf(":"));
}
