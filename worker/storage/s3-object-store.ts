import type {
  DeleteOutcome,
  GetOutcome,
  ListOutcome,
  ObjectStore,
  PutOutcome,
  Unavailable,
} from "#ports/object-store.ts";
import { wholeOrParts } from "./chunk-streams.ts";
import {
  elements,
  refused,
  type S3Answer,
  S3Client,
  type S3Options,
  type S3Request,
  unavailable,
} from "./s3-client.ts";
import type { S3Settings } from "./s3-settings.ts";

/** Parts have 5 MB and more, all but the last, and there are at most 10,000: with these, objects of 80 GB. */
const PART_BYTES = 8 << 20;

const DELETES_AT_ONCE = 4;

const OK = 200;
const NO_CONTENT = 204;
const PARTIAL = 206;
const NOT_FOUND = 404;
const RANGE_NOT_SATISFIABLE = 416;

/** Of an answer to a multipart upload: the numbers and tags of its parts. */
const PART_LINE_BYTES = 200;

/**
 * Any store that speaks S3's protocol: MinIO, Ceph, Garage, AWS, R2 from outside. A put that was answered is durable. Which failures are final
 * follows from statuses, never from texts: those that asking again may heal have been asked again by the client, the others are the operator's,
 * and the broker tries every half a minute whether they are mended (docs/decisions/0031).
 */
export class S3ObjectStore implements ObjectStore {
  readonly settleMs = 0;
  private readonly client: S3Client;

  constructor(settings: S3Settings, options: S3Options) {
    this.client = new S3Client(settings, options);
  }

  /** An object of one part is put at once; a larger one appears when its last part is there. Its length isn't known before. */
  async put(key: string, chunks: AsyncIterable<Uint8Array>): Promise<PutOutcome> {
    const body = await wholeOrParts(chunks, PART_BYTES);
    if (!(body instanceof Uint8Array)) return await this.putParts(key, body);
    const request: S3Request = { method: "PUT", key, body };
    const answer = await this.client.send(request);
    return outcomeOf(request, answer, [OK], { kind: "stored" });
  }

  private async putParts(key: string, parts: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<PutOutcome> {
    const request: S3Request = { method: "POST", key, query: { uploads: "" } };
    const created = await this.client.send(request);
    if (created.kind === "unavailable") return created;
    const uploadId = elements(created.body, "UploadId").at(0);
    if (created.status !== OK || uploadId === undefined) return refused(request, created);
    const tags: string[] = [];
    let sizeInBytes = 0;
    let failure: Unavailable | null = null;
    try {
      for await (const part of parts) {
        const sent = await this.putPart(key, { uploadId, partNumber: tags.length + 1 }, part);
        if (typeof sent !== "string") {
          failure = sent;
          break;
        }
        tags.push(sent);
        sizeInBytes += part.length;
      }
    } catch (error) {
      await this.abandon(key, uploadId);
      throw error;
    }
    failure ??= await this.complete({ key, uploadId, tags, sizeInBytes });
    if (failure === null) return { kind: "stored" };
    await this.abandon(key, uploadId);
    return failure;
  }

  /** The part's tag. */
  private async putPart(
    key: string,
    { uploadId, partNumber }: { readonly uploadId: string; readonly partNumber: number },
    body: Uint8Array<ArrayBuffer>,
  ): Promise<string | Unavailable> {
    const request: S3Request = { method: "PUT", key, query: { partNumber: String(partNumber), uploadId }, body };
    const answer = await this.client.send(request);
    if (answer.kind === "unavailable") return answer;
    const tag = answer.headers.get("etag");
    return answer.status === OK && tag !== null ? tag : refused(request, answer);
  }

  /**
   * S3 may begin to answer with 200 and then fail, and a second attempt finds no upload any more when the first one's answer was lost. So it
   * isn't the answer that counts but whether the object is there, as long as it must be. Null when it is.
   */
  private async complete(upload: FinishedUpload): Promise<Unavailable | null> {
    const { key, uploadId, tags, sizeInBytes } = upload;
    const parts = tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escaped(tag)}</ETag></Part>`);
    const text = new TextEncoder().encode(
      `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join("")}</CompleteMultipartUpload>`,
    );
    const body = new Uint8Array(text);
    const maxAnswerBytes = PART_LINE_BYTES * tags.length;
    const request: S3Request = { method: "POST", key, query: { uploadId }, body, maxAnswerBytes };
    const completed = await this.client.send(request);
    const head: S3Request = { method: "HEAD", key };
    const found = await this.client.send(head);
    if (found.kind === "unavailable") return found;
    if (found.status === OK && Number(found.headers.get("content-length")) === sizeInBytes) return null;
    return completed.kind === "unavailable" ? completed : refused(request, completed);
  }

  /** What stays of an upload costs room until the bucket's own rules remove it. */
  private async abandon(key: string, uploadId: string): Promise<void> {
    await this.client.send({ method: "DELETE", key, query: { uploadId } });
  }

  async getRange(key: string, from: number, length: number): Promise<GetOutcome> {
    if (length === 0) return { kind: "found", bytes: new Uint8Array(0) };
    const range = `bytes=${from}-${from + length - 1}`;
    const request: S3Request = { method: "GET", key, headers: { range }, maxAnswerBytes: length };
    const answer = await this.client.send(request);
    if (answer.kind === "unavailable") return answer;
    if (answer.status === RANGE_NOT_SATISFIABLE) return { kind: "missing" };
    if (answer.status === NOT_FOUND) return (await this.bucketFailure()) ?? { kind: "missing" };
    if (answer.status !== PARTIAL && answer.status !== OK) return refused(request, answer);
    return rangeOf(request, answer, { from, length });
  }

  /** One by one: S3's request for many is the one that its relatives do differently, or not at all. */
  async delete(keys: readonly string[]): Promise<DeleteOutcome> {
    const left = [...keys];
    let failure: Unavailable | null = null;
    const deleteSome = async () => {
      for (let key = left.shift(); key !== undefined && failure === null; key = left.shift()) {
        failure ??= await this.deleteOne(key);
      }
    };
    await Promise.all(Array.from({ length: DELETES_AT_ONCE }, deleteSome));
    return failure ?? { kind: "deleted" };
  }

  private async deleteOne(key: string): Promise<Unavailable | null> {
    const request: S3Request = { method: "DELETE", key };
    const answer = await this.client.send(request);
    if (answer.kind === "unavailable") return answer;
    if (answer.status === NOT_FOUND) return await this.bucketFailure();
    return answer.status === OK || answer.status === NO_CONTENT ? null : refused(request, answer);
  }

  async list(prefix: string): Promise<ListOutcome> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const continued: Record<string, string> = token === undefined ? {} : { "continuation-token": token };
      const request: S3Request = { method: "GET", query: { "list-type": "2", prefix, ...continued } };
      const answer = await this.client.send(request);
      if (answer.kind === "unavailable") return answer;
      if (answer.status !== OK) return refused(request, answer);
      keys.push(...elements(answer.body, "Key"));
      token = elements(answer.body, "NextContinuationToken").at(0);
    } while (token !== undefined);
    return { kind: "listed", keys };
  }

  /**
   * Why the bucket can't be used; null when it is there. S3 says 404 of a missing object and of a missing bucket alike, and an operator's
   * slip of the pen must not look like lost data.
   */
  async bucketFailure(): Promise<Unavailable | null> {
    const request: S3Request = { method: "HEAD" };
    const answer = await this.client.send(request);
    if (answer.kind === "unavailable") return answer;
    return answer.status === OK || answer.status === NO_CONTENT ? null : refused(request, answer);
  }
}

interface FinishedUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly tags: readonly string[];
  readonly sizeInBytes: number;
}

function outcomeOf<T>(
  request: S3Request,
  answer: S3Answer | Unavailable,
  statuses: readonly number[],
  outcome: T,
): T | Unavailable {
  if (answer.kind === "unavailable") return answer;
  return statuses.includes(answer.status) ? outcome : refused(request, answer);
}

/** Some stores give the whole object where it is small, whatever was asked for. */
function rangeOf(
  request: S3Request,
  { status, headers, body }: S3Answer,
  { from, length }: { readonly from: number; readonly length: number },
): GetOutcome {
  if (status === OK) {
    const bytes = body.subarray(from, from + length);
    return bytes.length === length ? { kind: "found", bytes } : { kind: "missing" };
  }
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (first !== undefined && Number(first) === from) {
    if (body.length === length) return { kind: "found", bytes: body };
    if (Number(total) < from + length) return { kind: "missing" };
  }
  return unavailable(request, "answers with another range");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
