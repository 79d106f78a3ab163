/** The Worker that measures inside workerd. Time stands still there while code runs, so whoever asks holds the clock. */
import { instantiationBench, ourBenches, referenceBatch } from "./ours.ts";
import { benchesOf, type Subject } from "./subject.ts";

/**
 * `GET /` lists the benches; `GET /run?index=N&turns=T` runs one and answers when it is done. `kernels` is the compiled module,
 * and `peers` are those that load in workerd.
 */
export function benchWorker(kernels: object, peers: readonly Subject[]): { fetch(request: Request): Response } {
  const benches = [
    instantiationBench(kernels),
    ...ourBenches(kernels),
    ...peers.flatMap((peer) => benchesOf(peer, referenceBatch)),
  ];
  let last: unknown;
  return {
    fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname !== "/run") return Response.json(benches.map(({ run: _, ...about }) => about));
      const turns = Number(searchParams.get("turns"));
      if (turns > 0) last = benches[Number(searchParams.get("index"))].run(turns);
      return new Response(last === undefined ? "nothing" : "done");
    },
  };
}
