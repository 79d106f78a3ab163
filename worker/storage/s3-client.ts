import { AwsV4Signer } from "aws4fetch";
import type { Unavailable } from "#ports/object-store.ts";
import type { S3Settings } from "./s3-settings.ts";

/** What sends a request; in workerd a way into networks that a Worker may not enter by itself. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface S3Options {
  readonly fetch: Fetch;
  /** For one attempt, answer included. */
  readonly timeoutMs?: number;
  /** The same for a request with a body. */
  readonly sendTimeoutMs?: number;
  readonly pause?: (ms: number) => Promise<void>;
}

export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Without it the request is about the bucket. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** A longer answer is none. */
  readonly maxAnswerBytes?: number;
}

export interface S3Answer {
  readonly kind: "answered";
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

const TIMEOUT_MS = 10_000;
/** A part of 8 MB over a line of 1.1 Mbit/s. */
const SEND_TIMEOUT_MS = 60_000;

/** Of one request. What fails three times within a second is left to those who ask again in half a minute, or to a client. */
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 200;

/** A page of a list has at most 1,000 keys; what S3 says of an error is shorter. */
const MAX_ANSWER_BYTES = 2 << 20;

/** Too late, too much, or a fault of the store's own: the same request may succeed. */
const RETRIABLE = new Set([408, 425, 429, 500, 502, 503, 504]);

/** One bucket behind S3's protocol: signed requests (Signature Version 4), path-style, with a bound on time, answers and attempts. */
export class S3Client {
  private readonly settings: S3Settings;
  private readonly options: S3Options;
  /** Keys that are derived anew every day. */
  private readonly signingKeys = new Map<string, ArrayBuffer>();

  constructor(settings: S3Settings, options: S3Options) {
    this.settings = settings;
    this.options = options;
  }

  /**
   * An answer with a status that asking again wouldn't change, or why there is none. A request that was too slow isn't sent
   * again: whoever waits for it has waited long enough.
   */
  async send(request: S3Request): Promise<S3Answer | Unavailable> {
    const pause = this.options.pause ?? waitFor;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.attempt(request);
      const isWorthAnother =
        outcome.kind === "answered" ? RETRIABLE.has(outcome.status) : outcome.kind === "disconnected";
      if (!isWorthAnother || attempt === ATTEMPTS) return settled(request, outcome);
      // Half of it by chance: many brokers that a store has turned away must not come back together.
      await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
    }
  }

  private async attempt(request: S3Request): Promise<S3Answer | Unavailable | Disconnected> {
    const { fetch, timeoutMs = TIMEOUT_MS, sendTimeoutMs = SEND_TIMEOUT_MS } = this.options;
    const signal = AbortSignal.timeout(request.body === undefined ? timeoutMs : sendTimeoutMs);
    try {
      const { url, method, headers, body } = await this.sign(request);
      // A redirected request would need another signature.
      const response = await fetch(url.toString(), { method, headers, body, signal, redirect: "manual" });
      const bytes = await readAnswer(request, response);
      if (bytes === null) return unavailable(request, "answered with more than was asked for");
      return { kind: "answered", status: response.status, headers: response.headers, body: bytes };
    } catch (error) {
      if (signal.aborted) return unavailable(request, "took too long");
      return { kind: "disconnected", reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** The hash of the body is signed, so that what arrives is what was sent, over plain HTTP too. */
  private async sign({ method, key, query, headers, body }: S3Request) {
    const { endpoint, bucket, ...credentials } = this.settings;
    const url = new URL(key === undefined ? `${endpoint}/${bucket}` : `${endpoint}/${bucket}/${key}`);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const hash = await crypto.subtle.digest("SHA-256", body ?? new Uint8Array(0));
    const signer = new AwsV4Signer({
      ...credentials,
      method,
      url: url.toString(),
      headers: { ...headers, "x-amz-content-sha256": hex(hash) },
      body: body ?? null,
      service: "s3",
      cache: this.signingKeys,
    });
    return { ...(await signer.sign()), body };
  }
}

/** The connection broke. */
interface Disconnected {
  readonly kind: "disconnected";
  readonly reason: string;
}

function settled(request: S3Request, outcome: S3Answer | Unavailable | Disconnected): S3Answer | Unavailable {
  if (outcome.kind === "disconnected") return unavailable(request, `can't be reached: ${outcome.reason}`);
  return outcome.kind === "answered" && RETRIABLE.has(outcome.status) ? refused(request, outcome) : outcome;
}

/** An answer with a status that wasn't hoped for, in the operator's words. */
export function refused(request: S3Request, { status, body }: S3Answer): Unavailable {
  const code = elements(body, "Code").at(0);
  return unavailable(request, `answers ${status}${code === undefined ? "" : ` ${code}`}`);
}

export function unavailable({ method, key }: S3Request, what: string): Unavailable {
  return { kind: "unavailable", reason: `the S3 store ${what} (${method} ${key ?? "of the bucket"})` };
}

/** The text of every element of that name, in order. The answers of S3 are small and flat, so that this is all that is needed of XML. */
export function elements(xml: Uint8Array, name: string): string[] {
  const text = new TextDecoder().decode(xml);
  return [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, content]) => unescaped(content));
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi, (whole, hexDigits, digits, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const point = hexDigits === undefined ? Number(digits) : Number.parseInt(hexDigits, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

/** Null when it is too long. @throws when it breaks off. */
async function readAnswer({ method, maxAnswerBytes }: S3Request, response: Response): Promise<Uint8Array | null> {
  const maxBytes = Math.max(maxAnswerBytes ?? 0, MAX_ANSWER_BYTES);
  const declared = response.headers.get("content-length");
  if (response.body === null || method === "HEAD") {
    await response.body?.cancel();
    return new Uint8Array(0);
  }
  if (declared !== null && Number(declared) <= maxBytes) return new Uint8Array(await response.arrayBuffer());
  if (declared === null) return await readUpTo(response.body, maxBytes);
  await response.body.cancel();
  return null;
}

async function readUpTo(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let sizeInBytes = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    sizeInBytes += value.length;
    if (sizeInBytes > maxBytes) {
      await reader.cancel();
      return null;
    }
  }
  const joined = new Uint8Array(sizeInBytes);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

function hex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function waitFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
