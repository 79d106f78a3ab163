import type { ObjectStore } from "#ports/object-store.ts";
import type { Env } from "../env.ts";
import { DiskObjectStore } from "./disk-object-store.ts";
import { R2ObjectStore } from "./r2-object-store.ts";

/** What the environment offers to keep sealed segments in; undefined when it offers nothing. */
export function objectStoreOf(env: Env): ObjectStore | undefined {
  if (env.SEGMENTS_FOLDER !== undefined) return new DiskObjectStore(env.SEGMENTS_FOLDER);
  return env.SEGMENTS === undefined ? undefined : new R2ObjectStore(env.SEGMENTS);
}
