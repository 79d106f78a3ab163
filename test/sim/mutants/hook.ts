/**
 * `node --import ./test/sim/mutants/hook.ts`: rewrites sources while they are loaded. Nothing of it is in `src/`. By environment:
 * `KEDGE_SIM_LIMITS=real` leaves the limits as they are, `KEDGE_SIM_MUTANT=<name>` sows a bug.
 */
import { registerHooks } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { MUTANTS } from "./list.ts";
import { type Rewrite, rewritten } from "./rewrite.ts";
import { SMALL_LIMITS } from "./small-limits.ts";

const ROOT = path.join(import.meta.dirname, "../../..");

function wanted(): readonly Rewrite[] {
  const limits = process.env["KEDGE_SIM_LIMITS"] === "real" ? [] : SMALL_LIMITS;
  const name = process.env["KEDGE_SIM_MUTANT"];
  if (name === undefined) return limits;
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant "${name}"`);
  return [...limits, mutant];
}

const byUrl = Map.groupBy(wanted(), ({ file }) => path.join(ROOT, file));

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const rewrites = url.startsWith("file:") ? byUrl.get(fileURLToPath(url)) : undefined;
    if (rewrites === undefined) return loaded;
    let source = Buffer.from(loaded.source as Uint8Array).toString();
    for (const rewrite of rewrites) source = rewritten(source, rewrite);
    return { ...loaded, source };
  },
});
