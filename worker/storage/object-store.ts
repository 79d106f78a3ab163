import type { ObjectStore } from "#ports/object-store.ts";
import type { Env } from "../env.ts";
import { DiskObjectStore } from "./disk-object-store.ts";
import { R2ObjectStore } from "./r2-object-store.ts";
import type { Fetch } from "./s3-client.ts";
import { S3ObjectStore } from "./s3-object-store.ts";
import { s3SettingsOf } from "./s3-settings.ts";

/**
 * What the environment offers to keep sealed segments in: S3 where its variables are set, else a folder, else R2; undefined when it offers
 * nothing. @throws Error when S3 is only half set up.
 */
export function objectStoreOf(env: Env): ObjectStore | undefined {
  const s3 = s3SettingsOf(env);
  if (s3 !== null) return s3Store(env, new S3ObjectStore(s3, { fetch: fetchOf(env) }));
  if (env.SEGMENTS_FOLDER !== undefined) return new DiskObjectStore(env.SEGMENTS_FOLDER);
  return env.SEGMENTS === undefined ? undefined : new R2ObjectStore(env.SEGMENTS);
}

/** workerd lets no Worker into private networks by itself, where most S3 stores other than the large clouds' are. */
function fetchOf({ S3_NETWORK }: Env): Fetch {
  return S3_NETWORK === undefined ? (url, init) => fetch(url, init) : (url, init) => S3_NETWORK.fetch(url, init);
}

/** A bucket that can't be used is told at once, not when the first segment wants to go there. The broker serves meanwhile. */
function s3Store(env: Env, store: S3ObjectStore): S3ObjectStore {
  void store.bucketFailure().then((failure) => {
    if (failure !== null) console.error(`the bucket "${env.KEDGE_S3_BUCKET}" can't be used now: ${failure.reason}`);
  });
  return store;
}
