import { createConnection, createServer } from "node:net";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port` as clients write it. */
export function format({ host, port }: Address): string {
  return `${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`;
}

/**
 * Binds the address for a moment: the port that was free (another one than asked for only when that was 0), or the system's error
 * code, such as `EADDRINUSE`, where it isn't free.
 */
export function findPort(address: Address): Promise<{ port: number } | { code: string }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? error.message }));
    server.listen({ ...address, exclusive: true }, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve({ port }));
    });
  });
}

const FIRST_PAUSE_MS = 5;
/** About a second of them: a start takes less, and whoever waits for it should hear at once. */
const FIRST_PAUSES = 200;
const MAX_PAUSE_MS = 250;

/** How long to wait between two probes, in the end each time twice as long: what doesn't serve soon is slow or broken, and needs the processor itself. */
export function* probePausesMs(): Generator<number, never> {
  for (let i = 0; i < FIRST_PAUSES; i++) yield FIRST_PAUSE_MS;
  for (let pauseMs = 2 * FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) yield pauseMs;
}

const CORRELATION_ID = 0x6b656467;

/** A whole ApiVersions request, version 0: size, api key 18, version, correlation id, no client id. */
function apiVersionsFrame(): Buffer {
  const frame = Buffer.alloc(14);
  frame.writeInt32BE(10, 0);
  frame.writeInt16BE(18, 4);
  frame.writeInt16BE(0, 6);
  frame.writeInt32BE(CORRELATION_ID, 8);
  frame.writeInt16BE(-1, 12);
  return frame;
}

/** Whether a Kafka broker answers ApiVersions at the address. */
export async function answersKafka(address: Address, timeoutMs: number): Promise<boolean> {
  const isEnough = ({ length }: Buffer) => length >= 10;
  const answer = await exchange(address, apiVersionsFrame(), isEnough, timeoutMs);
  return isEnough(answer) && answer.readInt32BE(4) === CORRELATION_ID && answer.readInt16BE(8) === 0;
}

/** What a server says of itself: that it serves, nothing yet, that no broker answers it, or why none can. */
export type Health = "serves" | "silent" | "unavailable" | { readonly failure: string };

const OK = Buffer.from("HTTP/1.1 200");
const UNAVAILABLE = "HTTP/1.1 503";
const HEAD_END = "\r\n\r\n";
/** Of an answer to `GET /health`; ours are much shorter. */
const MAX_ANSWER_BYTES = 64 << 10;

/** What `GET /health` is answered. By hand, since an HTTP client would cost the launcher more memory than all its rest. */
export async function askHealth(address: Address, timeoutMs: number): Promise<Health> {
  const request = `GET /health HTTP/1.1\r\nHost: ${format(address)}\r\nConnection: close\r\n\r\n`;
  const isOk = (answer: Buffer) => answer.subarray(0, OK.length).equals(OK);
  const isEnough = (answer: Buffer) => isOk(answer) || answer.length >= MAX_ANSWER_BYTES;
  const answer = await exchange(address, Buffer.from(request), isEnough, timeoutMs);
  if (isOk(answer)) return "serves";
  const text = answer.toString();
  if (!text.startsWith(UNAVAILABLE)) return "silent";
  const failure = reasonIn(text.slice(text.indexOf(HEAD_END) + HEAD_END.length));
  return failure === undefined ? "unavailable" : { failure };
}

/** The `reason` of a body in JSON, where it has one (docs/http.md). */
function reasonIn(body: string): string | undefined {
  try {
    const { reason } = JSON.parse(body) as { reason?: unknown };
    return typeof reason === "string" ? reason : undefined;
  } catch {
    return undefined;
  }
}

/** Sends the bytes and returns what came back once that is enough; less when the other side fails, ends or takes too long. */
function exchange(
  address: Address,
  request: Buffer,
  isEnough: (received: Buffer) => boolean,
  timeoutMs: number,
): Promise<Buffer> {
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    const socket = createConnection(address, () => socket.write(request));
    const finish = () => {
      socket.destroy();
      resolve(received);
    };
    socket.setTimeout(timeoutMs, finish);
    socket.on("error", finish);
    socket.on("end", finish);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (isEnough(received)) finish();
    });
  });
}
