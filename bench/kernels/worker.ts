/** The Worker that measures inside workerd. Time stands still there while code runs, so whoever asks holds the clock. */
import type { Bench } from "./subject.ts";

/** `GET /` lists the benches; `GET /run?index=N&turns=T` runs one and answers when it is done. */
export function benchWorker(benches: readonly Bench[]): { fetch(request: Request): Response } {
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
