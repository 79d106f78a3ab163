import type { Broker } from "#broker/broker.ts";
import type { Handler, RequestContext } from "#broker/handler.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { brokerSettings } from "#cluster/settings.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import type { TestBroker } from "../cluster/setup.ts";

/** What of a broker the cluster's handlers use. */
export function asBroker(one: TestBroker): Broker {
  return {
    brokerId: one.brokerId,
    controller: one.controller,
    suspectImage: () => undefined,
    get cluster() {
      return one.cluster;
    },
    get settings() {
      return brokerSettings(one.cluster.image, one.brokerId);
    },
  } as unknown as Broker;
}

export interface Api<Q, S> {
  readonly handler: Handler;
  readonly request: Message<Q>;
  readonly response: Message<S>;
}

/** Sends a request through its codec to the handler and the answer back through its own: what a client of that version sees. */
export async function ask<Q, S>(one: TestBroker, api: Api<Q, S>, version: number, draft: Draft<Q>): Promise<S> {
  const request = through(api.request, draft, version);
  const context: RequestContext = {
    broker: asBroker(one),
    peer: { clientHost: "127.0.0.1", hasVanished: false, onVanish: () => () => undefined },
    apiVersion: version,
    clientId: "test",
    clientHost: "127.0.0.1",
    nowMs: 0,
  };
  const answer = await api.handler.handle(context, request);
  return through(api.response, answer as Draft<S>, version);
}

function through<T>(message: Message<T>, draft: Draft<T>, version: number): T {
  const writer = new Writer();
  message.encode(writer, draft, version);
  const reader = new Reader(writer.finish());
  const decoded = message.decode(reader, version);
  if (reader.remaining !== 0) throw new Error("bytes are left over");
  return decoded;
}

export function versionsOf(handler: Handler): number[] {
  return Array.from({ length: handler.max - handler.min + 1 }, (_, i) => handler.min + i);
}
