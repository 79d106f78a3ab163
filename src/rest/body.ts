import type { TimerHandle } from "#ports/timers.ts";
import type { BudgetPorts, ByteBudget, Lease } from "./budget.ts";
import { BODY_DEADLINE_MS, FIRST_BODY_BYTES, MAX_BODY_BYTES } from "./limits.ts";
import { badRequest, busy, httpProblem, type Problem } from "./problems.ts";

/** A body and its share of the budget, which the reader releases when the bytes are no longer needed. */
export interface Body {
  readonly bytes: Uint8Array;
  release(): void;
}

const tooLarge = httpProblem(413, `a request has ${MAX_BODY_BYTES} bytes at most`);
const tooSlow = httpProblem(408, `a request's body comes within ${BODY_DEADLINE_MS / 1_000} seconds`);

/**
 * Reads a request's body. 413: more than `MAX_BODY_BYTES`, and the rest isn't read; a length that is declared and too large
 * is refused without reading. 408: not all there after `BODY_DEADLINE_MS`. 400: it broke off, or isn't framed as HTTP has it.
 * 503: too many bodies are on their way.
 */
export async function readBody(request: Request, budget: ByteBudget, ports: BudgetPorts): Promise<Body | Problem> {
  const declared = Number(request.headers.get("content-length") ?? "0");
  if (declared > MAX_BODY_BYTES) return tooLarge;
  if (request.body === null) return { bytes: new Uint8Array(0), release: () => {} };
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const gathering = new GatheredBody(budget, ports);
  let timeout: TimerHandle | undefined;
  const deadline = new Promise<Problem>((resolve) => {
    timeout = ports.timers.set(() => resolve(tooSlow), BODY_DEADLINE_MS);
  });
  const body = await Promise.race([gathering.run(reader), deadline]);
  timeout?.cancel();
  if (!("status" in body)) return body;
  gathering.drop();
  // Whether the peer hears of it or has gone: there is nobody else to tell.
  reader.cancel().catch(() => {});
  return body;
}

/** A body on its way, in one buffer that doubles: chunks kept one by one would cost many times their bytes where they are tiny. */
class GatheredBody {
  private readonly budget: ByteBudget;
  private readonly ports: BudgetPorts;
  private readonly leases: Lease[] = [];
  private buffer = new Uint8Array(0);
  private size = 0;
  private isDropped = false;

  constructor(budget: ByteBudget, ports: BudgetPorts) {
    this.budget = budget;
    this.ports = ports;
  }

  async run(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Body | Problem> {
    for (;;) {
      const chunk = await nextChunk(reader);
      if (this.isDropped) return tooSlow;
      if (chunk === null) return { bytes: this.buffer.subarray(0, this.size), release: () => this.drop() };
      if ("status" in chunk) return chunk;
      if (this.size + chunk.length > MAX_BODY_BYTES) return tooLarge;
      const hasRoom = await this.grow(this.size + chunk.length);
      if (!hasRoom) return busy;
      this.buffer.set(chunk, this.size);
      this.size += chunk.length;
    }
  }

  drop(): void {
    this.isDropped = true;
    this.buffer = new Uint8Array(0);
    for (const lease of this.leases.splice(0)) lease.release();
  }

  private async grow(neededBytes: number): Promise<boolean> {
    if (neededBytes <= this.buffer.length) return true;
    const doubled = Math.max(FIRST_BODY_BYTES, 2 * this.buffer.length, neededBytes);
    const capacity = Math.min(doubled, MAX_BODY_BYTES);
    const lease = await this.budget.take(capacity - this.buffer.length, this.ports);
    if (lease === null) return false;
    this.leases.push(lease);
    if (this.isDropped) {
      this.drop();
      return false;
    }
    const larger = new Uint8Array(capacity);
    larger.set(this.buffer.subarray(0, this.size));
    this.buffer = larger;
    return true;
  }
}

/** Null at the end. All that fails in here is the peer's doing: it went away, or its chunks are none. */
async function nextChunk(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | Problem | null> {
  try {
    const { done, value } = await reader.read();
    return done ? null : value;
  } catch {
    return badRequest("The request's body broke off, or is not framed as HTTP has it.");
  }
}
