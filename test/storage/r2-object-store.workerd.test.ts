import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { R2ObjectStore } from "#worker/storage/r2-object-store.ts";
import { objectStoreCases } from "./object-store-cases.ts";

describe("objects in R2", () => {
  for (const { name, run } of objectStoreCases) {
    it(name, async () => {
      if (env.SEGMENTS === undefined) throw new Error("wrangler.toml binds no bucket");
      await run(new R2ObjectStore(env.SEGMENTS), name.slice(0, 8).trim().replaceAll(" ", "-"));
    });
  }
});
