import type {
  DeleteOutcome,
  GetOutcome,
  ListOutcome,
  ObjectStore,
  PutOutcome,
  Unavailable,
} from "#ports/object-store.ts";

const DOWN: Unavailable = { kind: "unavailable", reason: "the store is down" };

/** `worker/storage/r2-object-store.ts` in memory. A test may take it down, or hold calls back. */
export class MemoryObjectStore implements ObjectStore {
  readonly objects: Map<string, Uint8Array>;
  settleMs = 0;
  isDown = false;
  /** Ranges that were read, as "key from length". */
  readonly reads: string[] = [];
  beforeCall: (call: "put" | "getRange" | "delete") => Promise<void> = () => Promise.resolve();

  constructor(objects = new Map<string, Uint8Array>()) {
    this.objects = objects;
  }

  async put(key: string, chunks: AsyncIterable<Uint8Array>): Promise<PutOutcome> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk.slice());
    await this.beforeCall("put");
    if (this.isDown) return DOWN;
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.objects.set(key, bytes);
    return { kind: "stored" };
  }

  async getRange(key: string, from: number, length: number): Promise<GetOutcome> {
    this.reads.push(`${key} ${from} ${length}`);
    await this.beforeCall("getRange");
    if (this.isDown) return DOWN;
    const object = this.objects.get(key);
    if (object === undefined || object.length < from + length) return { kind: "missing" };
    return { kind: "found", bytes: object.slice(from, from + length) };
  }

  async delete(keys: readonly string[]): Promise<DeleteOutcome> {
    await this.beforeCall("delete");
    if (this.isDown) return DOWN;
    for (const key of keys) this.objects.delete(key);
    return { kind: "deleted" };
  }

  async list(prefix: string): Promise<ListOutcome> {
    if (this.isDown) return DOWN;
    return { kind: "listed", keys: [...this.objects.keys()].filter((key) => key.startsWith(prefix)) };
  }
}
