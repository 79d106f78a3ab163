import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type S3Credentials, signatureFault } from "./s3-signature.ts";

/**
 * A stand-in for an S3 store: a real HTTP server on the loopback, objects in memory, signatures checked by code of its own, and the few operations
 * that Kedge uses with the answers and bounds that S3 documents for them. It is no S3: what a real one does is tried by hand against one
 * (docs/decisions/0031).
 */
export class S3Server {
  readonly credentials: S3Credentials;
  readonly bucket = "segments-here";
  readonly objects = new Map<string, Buffer>();
  /** "METHOD key?query" of every request whose signature was right. */
  readonly seen: string[] = [];
  /** Keys of a page of a list. */
  pageKeys = 2;
  private readonly uploads = new Map<string, Map<number, Buffer>>();
  private readonly faults: { readonly isMeant: (seen: string) => boolean; readonly fault: Fault }[] = [];
  private readonly server: Server;
  private uploadCount = 0;

  constructor(credentials: Partial<S3Credentials> = {}) {
    this.credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a/secret+key", region: "eu-1", ...credentials };
    this.server = createServer((request, response) => {
      void this.serve(request, response).catch(() => response.destroy());
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Uploads that were begun and neither completed nor given up. */
  get openUploads(): number {
    return this.uploads.size;
  }

  /** The next request whose line holds `part` meets a fault. */
  failNext(part: string, fault: Fault): void {
    this.faults.push({ isMeant: (seen) => seen.includes(part), fault });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? "/", this.endpoint);
    const [, bucket, ...rest] = decodeURIComponent(url.pathname).split("/");
    const call: Call = { method: request.method ?? "", key: rest.join("/"), query: url.searchParams, body };
    const wrong = signatureFault(request, body, this.credentials);
    if (wrong !== null) return answerError(response, 403, wrong);
    const seen = `${call.method} ${call.key}${url.search}`;
    this.seen.push(seen);
    const at = this.faults.findIndex(({ isMeant }) => isMeant(seen));
    const fault = at === -1 ? undefined : this.faults.splice(at, 1)[0]?.fault;
    if (fault?.kind === "hang") return;
    if (fault?.kind === "disconnect") return void response.destroy();
    if (fault?.kind === "status") return answerError(response, fault.status, fault.code);
    if (bucket !== this.bucket) return answerError(response, 404, "NoSuchBucket");
    if ((call.method === "PUT" || call.method === "POST") && request.headers["content-length"] === undefined) {
      return answerError(response, 411, "MissingContentLength");
    }
    const answer = this.carryOut(call, request.headers.range);
    if (fault?.kind === "forget") return answerError(response, 500, "InternalError");
    if (fault?.kind === "late-error") return answer200(response, errorXml("InternalError"));
    if (fault?.kind === "truncate") return truncated(response, answer);
    response.writeHead(answer.status, answer.headers);
    response.end(call.method === "HEAD" ? undefined : answer.body);
  }

  private carryOut(call: Call, range: string | undefined): Answer {
    const { method, key, query } = call;
    const upload = query.get("uploadId");
    if (key === "") return method === "HEAD" ? found("") : this.list(query);
    if (upload !== null) return this.carryOutUpload(call, upload);
    if (method === "POST" && query.has("uploads")) return this.beginUpload();
    if (method === "PUT") {
      this.objects.set(key, call.body);
      return { ...found(""), headers: { etag: tagOf(call.body) } };
    }
    if (method === "DELETE") {
      this.objects.delete(key);
      return { status: 204, headers: {}, body: "" };
    }
    const object = this.objects.get(key);
    if (object === undefined) return failed(404, "NoSuchKey");
    if (method === "HEAD") return { status: 200, headers: { "content-length": object.length }, body: "" };
    return range === undefined ? found(object) : rangeOf(object, range);
  }

  private beginUpload(): Answer {
    // With what XML and URLs must escape.
    const uploadId = `upload&${++this.uploadCount}<=+/`;
    this.uploads.set(uploadId, new Map());
    return found(
      `<InitiateMultipartUploadResult><UploadId>${escaped(uploadId)}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  private carryOutUpload({ method, key, query, body }: Call, uploadId: string): Answer {
    const parts = this.uploads.get(uploadId);
    if (parts === undefined) return failed(404, "NoSuchUpload");
    if (method === "PUT") {
      parts.set(Number(query.get("partNumber")), body);
      return { ...found(""), headers: { etag: tagOf(body) } };
    }
    if (method === "DELETE") {
      this.uploads.delete(uploadId);
      return { status: 204, headers: {}, body: "" };
    }
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag>/g)];
    const chosen = named.map(([, number, tag]) => ({ part: parts.get(Number(number)), tag }));
    if (chosen.some(({ part, tag }) => part === undefined || tagOf(part) !== tag)) return failed(400, "InvalidPart");
    const whole = chosen.map(({ part }) => part as Buffer);
    if (whole.slice(0, -1).some((part) => part.length < MIN_PART_BYTES)) return failed(400, "EntityTooSmall");
    this.objects.set(key, Buffer.concat(whole));
    this.uploads.delete(uploadId);
    return found("<CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
  }

  private list(query: URLSearchParams): Answer {
    const prefix = query.get("prefix") ?? "";
    const after = query.get("continuation-token") ?? "";
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, this.pageKeys);
    const isCut = keys.length > page.length;
    const next = isCut ? `<NextContinuationToken>${escaped(page.at(-1) ?? "")}</NextContinuationToken>` : "";
    const contents = page.map((key) => `<Contents><Key>${escaped(key)}</Key><Size>1</Size></Contents>`);
    return found(`<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${contents.join("")}${next}</ListBucketResult>`);
  }
}

/** What a request may meet. `forget`: it is carried out, but 500 is answered; `late-error`: 200, and an error in the body. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly code: string }
  | { readonly kind: "hang" | "disconnect" | "truncate" | "forget" | "late-error" };

interface Call {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | number>;
  readonly body: string | Buffer;
}

const MIN_PART_BYTES = 5 << 20;

function found(body: string | Buffer): Answer {
  return { status: 200, headers: { "content-length": Buffer.byteLength(body) }, body };
}

function failed(status: number, code: string): Answer {
  return { status, headers: { "content-type": "application/xml" }, body: errorXml(code) };
}

function rangeOf(object: Buffer, range: string): Answer {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
  const from = Number(first);
  if (from >= object.length) return failed(416, "InvalidRange");
  const body = object.subarray(from, Number(last) + 1);
  const headers = {
    "content-length": body.length,
    "content-range": `bytes ${from}-${from + body.length - 1}/${object.length}`,
  };
  return { status: 206, headers, body };
}

function answerError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml" }).end(errorXml(code));
}

function answer200(response: ServerResponse, body: string): void {
  response.writeHead(200).end(body);
}

/** The head promises more than comes before the connection ends. */
function truncated(response: ServerResponse, { status, headers, body }: Answer): void {
  const half = Buffer.from(body).subarray(0, Math.floor(Buffer.byteLength(body) / 2));
  response.writeHead(status, headers);
  response.write(half, () => response.destroy());
}

function errorXml(code: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>as asked for</Message></Error>`;
}

function tagOf(bytes: Buffer): string {
  return `"${createHash("md5").update(bytes).digest("hex")}"`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&#62;");
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
