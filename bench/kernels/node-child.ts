/** The process that measures in Node. A bench that hands out promises is done when the last of them is. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { ourBenches, referenceBatch } from "./ours.ts";
import { benchesOf, type Subject } from "./subject.ts";

const WASM = path.join(import.meta.dirname, "../../build/kernels.wasm");

const { nodePeers } = (await import("../compare/node-peers.mjs")) as { nodePeers: readonly Subject[] };
const benches = [
  ...ourBenches(new WebAssembly.Module(readFileSync(WASM))),
  ...nodePeers.flatMap((peer) => benchesOf(peer, referenceBatch)),
];

process.on("message", async ({ index, turns }: { index: number; turns: number }) => {
  if (turns > 0) await benches[index].run(turns);
  process.send?.("done");
});
process.send?.(benches.map(({ run: _, ...about }) => about));
