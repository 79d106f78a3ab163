import type { DeleteOutcome, GetOutcome, ListOutcome, ObjectStore, PutOutcome } from "#ports/object-store.ts";
import { attempt, SEND_SILENCE_MS, SILENCE_MS, wholeOrParts } from "./chunk-streams.ts";

/** R2 takes parts of 5 MB and more, all but the last of the same size, at most 10,000: with these, objects of 80 GB. */
const PART_BYTES = 8 << 20;

/** How long R2 may take for one answer, and for one to what takes a part along. */
interface R2Limits {
  readonly silenceMs: number;
  readonly sendSilenceMs: number;
}

const LIMITS: R2Limits = { silenceMs: SILENCE_MS, sendSilenceMs: SEND_SILENCE_MS };

/** R2: on the platform the real one, in development miniflare's. A put that was answered is durable. */
export class R2ObjectStore implements ObjectStore {
  readonly settleMs = 0;
  private readonly bucket: R2Bucket;
  private readonly limits: R2Limits;

  constructor(bucket: R2Bucket, limits = LIMITS) {
    this.bucket = bucket;
    this.limits = limits;
  }

  /** An object of one part is put at once; a larger one appears when its last part is there. */
  async put(key: string, chunks: AsyncIterable<Uint8Array>): Promise<PutOutcome> {
    const body = await wholeOrParts(chunks, PART_BYTES);
    return body instanceof Uint8Array ? await this.putWhole(key, body) : await this.putParts(key, body);
  }

  private putWhole(key: string, bytes: Uint8Array): Promise<PutOutcome> {
    return attempt<PutOutcome>(this.limits.sendSilenceMs, async () => {
      await this.bucket.put(key, bytes);
      return { kind: "stored" };
    });
  }

  private async putParts(key: string, parts: AsyncIterable<Uint8Array>): Promise<PutOutcome> {
    const { silenceMs, sendSilenceMs } = this.limits;
    const created = await attempt(silenceMs, async () => ({
      kind: "created" as const,
      upload: await this.bucket.createMultipartUpload(key),
    }));
    if (created.kind === "unavailable") return created;
    const { upload } = created;
    const uploaded: R2UploadedPart[] = [];
    const add = (part: Uint8Array) =>
      attempt(sendSilenceMs, async () => {
        uploaded.push(await upload.uploadPart(uploaded.length + 1, part));
        return { kind: "added" as const };
      });
    try {
      for await (const part of parts) {
        const added = await add(part);
        if (added.kind === "added") continue;
        await abandon(upload, silenceMs);
        return added;
      }
    } catch (error) {
      await abandon(upload, silenceMs);
      throw error;
    }
    return await attempt<PutOutcome>(sendSilenceMs, async () => {
      await upload.complete(uploaded);
      return { kind: "stored" };
    });
  }

  getRange(key: string, from: number, length: number): Promise<GetOutcome> {
    if (length === 0) return Promise.resolve({ kind: "found", bytes: new Uint8Array(0) });
    return attempt<GetOutcome>(this.limits.silenceMs, async () => {
      const object = await this.bucket.get(key, { range: { offset: from, length } });
      if (object === null || object.size < from + length) return { kind: "missing" };
      return { kind: "found", bytes: new Uint8Array(await object.arrayBuffer()) };
    });
  }

  delete(keys: readonly string[]): Promise<DeleteOutcome> {
    return attempt<DeleteOutcome>(this.limits.silenceMs, async () => {
      await this.bucket.delete([...keys]);
      return { kind: "deleted" };
    });
  }

  list(prefix: string): Promise<ListOutcome> {
    return attempt<ListOutcome>(this.limits.silenceMs, async (silence) => {
      const keys: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await this.bucket.list({ prefix, cursor });
        silence.broken();
        keys.push(...page.objects.map((object) => object.key));
        cursor = page.truncated ? page.cursor : undefined;
      } while (cursor !== undefined);
      return { kind: "listed", keys };
    });
  }
}

/** R2 itself forgets uploads that nobody completes, after a week. */
async function abandon(upload: R2MultipartUpload, silenceMs: number): Promise<void> {
  await attempt(silenceMs, async () => {
    await upload.abort();
    return { kind: "abandoned" as const };
  });
}
