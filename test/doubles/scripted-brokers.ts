import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import * as apis from "#client/apis.ts";
import type { Transport } from "#ports/transport.ts";
import { decodeRequestHeader, writeResponseHeader } from "#protocol/header.ts";
import type { Draft, Message } from "#protocol/schema.ts";

/** Answers one API; the body is as its table decodes it. */
// biome-ignore lint/suspicious/noExplicitAny: a test knows which API it scripts
export type Script = (body: any, brokerId: number | null) => Draft<any> | Promise<Draft<any>>;

/** A cluster that says what a test wants it to, API by API, in real frames. What isn't scripted loses the connection. */
export class ScriptedBrokers implements Transport {
  readonly seen: { readonly apiKey: number; readonly brokerId: number | null; readonly body: unknown }[] = [];
  readonly scripts = new Map<number, Script>();

  on(apiKey: number, script: Script): this {
    this.scripts.set(apiKey, script);
    return this;
  }

  bodies<T>(apiKey: number): T[] {
    return this.seen.filter((one) => one.apiKey === apiKey).map(({ body }) => body as T);
  }

  async exchange(brokerId: number | null, frame: Uint8Array): Promise<Uint8Array> {
    await Promise.resolve();
    const reader = new Reader(frame);
    const header = decodeRequestHeader(reader);
    const api = Object.values(apis).find(({ request }) => request.apiKey === header.apiKey);
    const script = this.scripts.get(header.apiKey);
    if (api === undefined) throw new Error(`API ${header.apiKey} isn't the client's`);
    const body = (api.request as Message<unknown>).decode(reader, header.apiVersion);
    this.seen.push({ apiKey: header.apiKey, brokerId, body });
    if (script === undefined) throw new Error("lost");
    const draft = await script(body, brokerId);
    const writer = new Writer();
    writeResponseHeader(writer, header.apiKey, header.apiVersion, header.correlationId);
    (api.response as Message<unknown>).encode(writer, draft, header.apiVersion);
    return writer.finish().slice();
  }
}
