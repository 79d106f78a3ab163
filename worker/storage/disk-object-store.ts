import type {
  DeleteOutcome,
  GetOutcome,
  ListOutcome,
  ObjectStore,
  PutOutcome,
  Unavailable,
} from "#ports/object-store.ts";
import { BodyOf } from "./body-of.ts";
import { attempt, SILENCE_MS, type Silence } from "./chunk-streams.ts";

/**
 * Linux writes dirty pages to the disk once they are 30 s old, looking every 5 s; workerd's disk service itself never asks for it. Twice that
 * and more, so that a power failure finds the object on the disk or the rows still in SQLite (docs/decisions/0011).
 */
const SETTLE_MS = 90_000;

const OK = 200;
const PARTIAL = 206;
const NOT_FOUND = 404;
const RANGE_NOT_SATISFIABLE = 416;

/** The origin means nothing to the disk service. */
const ORIGIN = "http://segments/";

interface Entry {
  readonly name: string;
  readonly type: string;
}

/** A folder, through workerd's disk service: `npm start` keeps sealed segments in the data directory. */
export class DiskObjectStore implements ObjectStore {
  readonly settleMs: number;
  private readonly disk: Pick<Fetcher, "fetch">;
  private readonly silenceMs: number;

  constructor(disk: Pick<Fetcher, "fetch">, settleMs = SETTLE_MS, silenceMs = SILENCE_MS) {
    this.disk = disk;
    this.settleMs = settleMs;
    this.silenceMs = silenceMs;
  }

  /**
   * workerd writes to a temporary file and moves it into its place at the end. A body without a length that breaks off looks to it like one
   * that ends, so what stands there then is taken away again.
   */
  async put(key: string, chunks: AsyncIterable<Uint8Array>): Promise<PutOutcome> {
    let body: BodyOf | undefined;
    const outcome = await attempt<PutOutcome>(this.silenceMs, async (silence) => {
      body = new BodyOf(heard(chunks, silence));
      const { signal } = silence;
      const response = await this.disk.fetch(urlOf(key), { method: "PUT", body: body.stream, signal });
      await discard(response);
      return response.ok ? { kind: "stored" } : refused(response);
    });
    if (body === undefined || body.failure === null) return outcome;
    await this.delete([key]);
    throw body.failure.error;
  }

  async getRange(key: string, from: number, length: number): Promise<GetOutcome> {
    if (length === 0) return { kind: "found", bytes: new Uint8Array(0) };
    return await attempt(this.silenceMs, async ({ signal }) => {
      const range = `bytes=${from}-${from + length - 1}`;
      const response = await this.disk.fetch(urlOf(key), { headers: { range }, signal });
      if (response.status === NOT_FOUND || response.status === RANGE_NOT_SATISFIABLE) return await missing(response);
      if (response.status !== PARTIAL && response.status !== OK) return refused(response);
      const bytes = new Uint8Array(await response.arrayBuffer());
      return bytes.length === length ? { kind: "found", bytes } : { kind: "missing" };
    });
  }

  async delete(keys: readonly string[]): Promise<DeleteOutcome> {
    return await attempt(this.silenceMs, async (silence) => {
      for (const key of keys) {
        const response = await this.disk.fetch(urlOf(key), { method: "DELETE", signal: silence.signal });
        await discard(response);
        silence.broken();
        if (!response.ok && response.status !== NOT_FOUND) return refused(response);
      }
      return { kind: "deleted" };
    });
  }

  async list(prefix: string): Promise<ListOutcome> {
    return await attempt(this.silenceMs, async (silence) => {
      const keys: string[] = [];
      const folders = [prefix];
      for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
        const response = await this.disk.fetch(urlOf(folder), { signal: silence.signal });
        silence.broken();
        if (response.status === NOT_FOUND) {
          await discard(response);
          continue;
        }
        if (!response.ok) return refused(response);
        for (const { name, type } of await response.json<Entry[]>()) {
          if (type === "directory") folders.push(`${folder}${name}/`);
          else keys.push(folder + name);
        }
      }
      return { kind: "listed", keys };
    });
  }
}

/** The chunks as they are: one more is taken when the disk has written what went before. */
async function* heard(chunks: AsyncIterable<Uint8Array>, silence: Silence): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    silence.broken();
    yield chunk;
  }
  silence.broken();
}

function urlOf(key: string): string {
  return ORIGIN + key;
}

async function missing(response: Response): Promise<{ readonly kind: "missing" }> {
  await discard(response);
  return { kind: "missing" };
}

function refused(response: Response): Unavailable {
  return { kind: "unavailable", reason: `the disk answers ${response.status} ${response.statusText}` };
}

/** A body that nobody reads holds its file open. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel();
}
