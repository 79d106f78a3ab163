import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { S3Location } from "./flags.ts";

/** Says of a data directory that its segments are in an S3 store, and in which. Without it they are in its folder. */
const MARK = "segments-in-s3";
const FOLDER = "segments";

/** The store that the command line or the environment names; undefined for the folder of the data directory. @throws Error when it isn't named wholly. */
export function s3LocationOf(flag: S3Location | undefined, env: NodeJS.ProcessEnv): S3Location | undefined {
  const endpoint = flag?.endpoint ?? env["KEDGE_S3_ENDPOINT"];
  if (!endpoint) return undefined;
  if (!isAddress(endpoint)) {
    throw new Error(`KEDGE_S3_ENDPOINT takes an address such as https://s3.example.org, not "${endpoint}"`);
  }
  const bucket = flag?.bucket ?? env["KEDGE_S3_BUCKET"];
  if (!bucket) throw new Error("KEDGE_S3_ENDPOINT is set, but KEDGE_S3_BUCKET isn't");
  for (const name of ["KEDGE_S3_ACCESS_KEY_ID", "KEDGE_S3_SECRET_ACCESS_KEY"]) {
    if (!env[name]) throw new Error(`segments are to go to ${textOf({ endpoint, bucket })}, but ${name} isn't set`);
  }
  return { endpoint, bucket };
}

/** What the Worker takes as well (worker/storage/s3-settings.ts). Checked here, before the data directory is marked with it. */
function isAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.search + url.hash + url.username === "";
}

/**
 * Makes the folder for segments, removes what an interrupted copy has left there, and makes sure that those which the data directory has already are where they will be looked for: a log whose older
 * half lies elsewhere could not be read. @throws Error that says what to do when they aren't.
 */
export function openSegmentsPlace(dataDir: string, s3: S3Location | undefined): string {
  const folder = join(dataDir, FOLDER);
  mkdirSync(folder, { recursive: true });
  removeUnfinished(folder);
  const mark = join(dataDir, MARK);
  const known = existsSync(mark) ? readFileSync(mark, "utf8").trim() : undefined;
  const wanted = s3 === undefined ? undefined : textOf(s3);
  if (known !== undefined && known !== wanted) {
    throw new Error(
      `the data in ${dataDir} has segments in ${known}: start it with --s3 ${known}, or, if they were moved, change ${mark}, or, if nothing was ever copied there, remove ${mark}`,
    );
  }
  if (wanted === undefined || known === wanted) return folder;
  if (hasFiles(folder)) {
    throw new Error(
      `the data in ${dataDir} has segments in ${folder}: start it without S3, or give it another directory`,
    );
  }
  writeFileSync(`${mark}.new`, `${wanted}\n`, { flush: true });
  renameSync(`${mark}.new`, mark);
  return folder;
}

/** What workerd's disk service writes to until an object is whole: `.NAME.PID.COUNT.tmp`. It forgets them when it is killed. */
const UNFINISHED = /(^|\/)\.[^/]+\.\d+\.\d+\.tmp$/;

/** Nobody writes here any more, and not yet again: the caller holds the lock of the data directory. */
function removeUnfinished(folder: string): void {
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (UNFINISHED.test(path)) rmSync(join(folder, path), { force: true });
  }
}

function textOf({ endpoint, bucket }: S3Location): string {
  return `${endpoint.replace(/\/+$/, "")}/${bucket}`;
}

function hasFiles(folder: string): boolean {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile());
}
