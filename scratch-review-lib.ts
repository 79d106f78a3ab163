import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { startKedge } from "#test/e2e/kedge.ts";
import { WireClient } from "#test/oracle/wire-client.ts";
import { Writer } from "#bytes/writer.ts";
import { encodeRequestFrame } from "#protocol/frame.ts";
import { createServer } from "node:net";
export { startKedge, WireClient };
export function rssMb(pid: number) { return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024); }
export const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));
export function frame(request: any, version: number, draft: any, correlationId = 1): Uint8Array {
  const writer = new Writer();
  encodeRequestFrame(writer, request, { apiVersion: version, correlationId, clientId: "review" }, draft);
  return writer.finish().slice();
}
export async function up() {
  const k = await startKedge({});
  return k;
}
export function raw(bootstrap: string) {
  const at = bootstrap.lastIndexOf(":");
  const s = connect({ host: bootstrap.slice(0, at), port: Number(bootstrap.slice(at + 1)) });
  s.on("error", () => {});
  return new Promise<import("node:net").Socket>((r) => s.once("connect", () => r(s)));
}
