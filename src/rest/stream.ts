/**
 * `GET /topics/{topic}/stream?from=earliest|latest&partition=P&offset=N`: a live tail as server-sent events, our own.
 * `Last-Event-ID` takes back the id of any event, and goes before what the query says.
 */
import type { Client } from "#client/client.ts";
import type { TopicView } from "#client/metadata.ts";
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, listOffsets } from "#client/offsets.ts";
import { failed } from "#client/outcome.ts";
import type { Budgets } from "./budget.ts";
import { type RestApp, type RestContext, refuse } from "./context.ts";
import { type Positions, parseCursor } from "./cursor.ts";
import { commentFrame } from "./events.ts";
import { HeldShare } from "./held-share.ts";
import { ANSWER_PIECE_BYTES, MAX_STREAM_PARTITIONS } from "./limits.ts";
import { EVENT_STREAM_TYPE, negotiate } from "./media.ts";
import { PacedBytes } from "./paced.ts";
import { badRequest, httpProblem, kafkaProblem, type Problem, partitionNotFound, unprocessable } from "./problems.ts";
import { isProblem, readQuery, wholeNumber } from "./query.ts";
import { existingTopic } from "./records.ts";
import { Tail, type TailStart } from "./tail.ts";

const MAX_PARTITION = 0x7fffffff;

/** What live tails share with the other routes. */
export interface StreamShares {
  readonly budgets: Budgets;
  readonly onFailure: (error: Error) => void;
}

export function streamRoutes(app: RestApp, shares: StreamShares): void {
  app.get("/topics/:topic/stream", (c) => stream(c, shares));
}

/** Where a client wants to begin. */
interface Wish {
  /** Null: all partitions. */
  readonly partition: number | null;
  readonly offset: number | null;
  readonly isEarliest: boolean;
  /** From Last-Event-ID. */
  readonly cursor: Positions | null;
}

async function stream(c: RestContext, { budgets, onFailure }: StreamShares): Promise<Response> {
  if (negotiate(c.req.header("accept") ?? null, [EVENT_STREAM_TYPE]) === null) {
    return refuse(httpProblem(406, `a live tail is ${EVENT_STREAM_TYPE}`));
  }
  const wish = readWish(c);
  if (isProblem(wish)) return refuse(wish);
  const topic = await existingTopic(c, c.req.param("topic") ?? "");
  if (isProblem(topic)) return refuse(topic);
  const positions = await startPositions(c.env.client, topic, wish);
  if (isProblem(positions)) return refuse(positions);
  const { client } = c.env;
  const start = { topic, positions, followsNewPartitions: wish.partition === null };
  return new Response(new EventBody(client, start, { budgets, onFailure }).stream(), {
    headers: { "content-type": EVENT_STREAM_TYPE, "cache-control": "no-store", "x-accel-buffering": "no" },
  });
}

function readWish(c: RestContext): Wish | Problem {
  const query = readQuery(c.req.url, ["from", "partition", "offset"]);
  if (isProblem(query)) return query;
  const partition = wholeNumber(query, "partition", MAX_PARTITION);
  if (isProblem(partition)) return partition;
  const offset = wholeNumber(query, "offset", Number.MAX_SAFE_INTEGER);
  if (isProblem(offset)) return offset;
  const from = query.get("from");
  if (from !== undefined && from !== "earliest" && from !== "latest")
    return badRequest("from must be earliest or latest.");
  if (offset !== null && from !== undefined) return badRequest("from and offset can't be given together.");
  if (offset !== null && partition === null) return badRequest("offset needs a partition.");
  const lastEventId = c.req.header("last-event-id") ?? "";
  const cursor = lastEventId === "" ? null : parseCursor(lastEventId);
  if (lastEventId !== "" && cursor === null) {
    return badRequest("Last-Event-ID is no id of this stream; one looks like 0:15,1:20.");
  }
  return { partition, offset, isEarliest: from === "earliest", cursor };
}

/** The offset to begin at in every partition of the stream. */
async function startPositions(client: Client, topic: TopicView, wish: Wish): Promise<Positions | Problem> {
  const all = topic.partitions.map(({ partitionIndex }) => partitionIndex);
  if (wish.partition !== null && !all.includes(wish.partition)) return partitionNotFound;
  const possible = wish.partition === null ? all : [wish.partition];
  const named = [...(wish.cursor?.keys() ?? [])];
  const stranger = named.find((partition) => !possible.includes(partition));
  if (stranger !== undefined)
    return badRequest(`Last-Event-ID names partition ${stranger}, which this stream doesn't have.`);
  // A topic may have grown beyond the limit under a stream, which then goes on with those that it had.
  const isTooMany =
    named.length > MAX_STREAM_PARTITIONS || (named.length === 0 && possible.length > MAX_STREAM_PARTITIONS);
  if (isTooMany) {
    return unprocessable(`A stream has ${MAX_STREAM_PARTITIONS} partitions at most; choose one by partition.`);
  }
  const partitions = [...new Set([...named, ...possible])].slice(0, MAX_STREAM_PARTITIONS);
  const [earliest, latest] = await Promise.all(
    [EARLIEST_TIMESTAMP, LATEST_TIMESTAMP].map((question) => listOffsets(client, topic.name, partitions, question)),
  );
  if (failed(earliest)) return kafkaProblem(earliest.errorCode, earliest.message);
  if (failed(latest)) return kafkaProblem(latest.errorCode, latest.message);
  const positions = new Map<number, number>();
  for (const partition of partitions) {
    const bounds = { first: earliest.value.get(partition) ?? 0, end: latest.value.get(partition) ?? 0 };
    const position = startPosition(partition, bounds, wish);
    if (isProblem(position)) return position;
    positions.set(partition, position);
  }
  return positions;
}

function startPosition(
  partition: number,
  { first, end }: { readonly first: number; readonly end: number },
  { cursor, offset, isEarliest }: Wish,
): number | Problem {
  if (cursor !== null) {
    // A partition that the cursor doesn't name was added after it was given out, so none of its records was seen.
    const resumed = cursor.get(partition) ?? first;
    if (resumed > end) {
      return badRequest(
        `Last-Event-ID is beyond the end of partition ${partition}, which is ${end}; the topic isn't the one it came from.`,
      );
    }
    return resumed;
  }
  if (offset === null) return isEarliest ? first : end;
  if (offset >= first && offset <= end) return offset;
  return badRequest(
    `Offset ${offset} is out of range: partition ${partition} begins at ${first} and ends before ${end}.`,
  );
}

const encoder = new TextEncoder();

const NO_ROOM = "there is no room for this stream now: come back with the last id";

/** The body of a live tail, pulled by whoever reads: nothing is queued here beyond the chunk that was asked for. */
class EventBody {
  private readonly client: Client;
  private readonly tail: Tail;
  private readonly shares: StreamShares;
  /** What the tail holds while the client takes a chunk. */
  private readonly held: HeldShare;
  /** A chunk that is larger than a piece, as far as the client hasn't taken it. */
  private chunk: PacedBytes | null = null;
  private isCancelled = false;
  private isSlow = false;
  /** The chunk that was handed out is the last but for a comment. */
  private isOutOfRoom = false;

  constructor(
    client: Client,
    start: Pick<TailStart, "topic" | "positions" | "followsNewPartitions">,
    shares: StreamShares,
  ) {
    this.client = client;
    this.shares = shares;
    this.held = new HeldShare(shares.budgets.reads, client.ports, () => {
      this.isSlow = true;
      this.drop();
    });
    this.tail = new Tail(client, { ...start, onFailure: shares.onFailure, onHeld: () => this.hold() });
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const bytes = await this.next();
            if (this.isCancelled) return;
            if (bytes === null) controller.close();
            else controller.enqueue(bytes);
          } catch (error) {
            this.shares.onFailure(error as Error);
            this.close();
            controller.error(error);
          }
        },
        cancel: () => this.close(),
      },
      { highWaterMark: 0 },
    );
  }

  private close(): void {
    this.isCancelled = true;
    this.drop();
  }

  private drop(): void {
    this.tail.close();
    this.chunk?.drop();
    this.held.release();
  }

  /** Null ends the stream, be it inside an event: a client forgets that, and resumes behind the one before. */
  private async next(): Promise<Uint8Array | null> {
    const piece = this.chunk?.next() ?? null;
    if (piece !== null) return piece;
    if (this.isSlow || this.chunk?.isDropped) {
      this.drop();
      return null;
    }
    this.chunk = null;
    this.held.release();
    if (this.isOutOfRoom) {
      this.isOutOfRoom = false;
      return encoder.encode(commentFrame(NO_ROOM));
    }
    const text = await this.tail.next();
    if (text === null) return null;
    const bytes = encoder.encode(text);
    const first = bytes.length <= 2 * ANSWER_PIECE_BYTES ? bytes : this.begin(bytes);
    this.hold();
    return first;
  }

  /** A large chunk needs a share. Without one the stream ends: what was not sent comes when the client resumes. */
  private begin(bytes: Uint8Array): Uint8Array | null {
    const { clock, timers } = this.client.ports;
    const lease = this.isCancelled ? null : this.shares.budgets.reads.tryTake(bytes.length, clock);
    if (lease === null) {
      this.tail.close();
      return encoder.encode(commentFrame(NO_ROOM));
    }
    this.chunk = new PacedBytes(bytes, lease, timers);
    return this.chunk.next();
  }

  /** What the tail holds needs a share, too. Without one the stream ends behind the chunk that it gives. */
  private hold(): void {
    if (this.held.growTo(this.tail.heldBytes)) return;
    this.isOutOfRoom = true;
    this.tail.close();
  }
}
