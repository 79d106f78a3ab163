/** `GET /topics/{topic}/partitions/{partition}/records?offset=N&count=N`: a read by offset, without a group. */
import { MalformedMessageError } from "#bytes/malformed.ts";
import { type FetchedBatch, fetchedBatches, type StoredRecord } from "#client/batches.ts";
import type { Client } from "#client/client.ts";
import { fetchRecords } from "#client/fetch.ts";
import type { TopicView } from "#client/metadata.ts";
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, listOffsets } from "#client/offsets.ts";
import { failed } from "#client/outcome.ts";
import { isStaleMetadata, MAX_ATTEMPTS } from "#client/retry.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Budgets } from "./budget.ts";
import { answer, partitionOf, type RestApp, type RestContext, refuse } from "./context.ts";
import {
  ANSWER_PIECE_BYTES,
  MAX_INFLATED_BYTES,
  MAX_READ_BYTES,
  MAX_READ_INFLATED_BYTES,
  MAX_RECORDS_PER_READ,
  MAX_SHOWN_RECORD_BYTES,
  READ_FETCH_BYTES,
} from "./limits.ts";
import { type EmbeddedFormat, embeddedType, JSON_TYPE, METADATA_TYPE, negotiate } from "./media.ts";
import { PacedBytes, pacedBody } from "./paced.ts";
import {
  badRequest,
  busy,
  httpProblem,
  kafkaProblem,
  type Problem,
  ProblemCode,
  partitionNotFound,
  topicNotFound,
  unreadable,
} from "./problems.ts";
import { isProblem, readQuery, wholeNumber } from "./query.ts";
import { renderBinary, renderJson, storedBytes } from "./render.ts";

const BINARY_TYPE = embeddedType("binary");
const JSON_EMBEDDED_TYPE = embeddedType("json");

export function recordRoutes(app: RestApp, budgets: Budgets): void {
  app.get("/topics/:topic/partitions/:partition/records", (c) => read(c, budgets));
}

const encoder = new TextEncoder();

/** Where a read is asked to begin. */
interface WantedStart {
  readonly topicName: string;
  readonly partition: number;
  /** Null: the first there is. */
  readonly offset: number | null;
}

/** What is read: `count` records at most, from `start` on. */
interface Reading extends WantedStart {
  readonly start: number;
  readonly count: number;
  readonly format: EmbeddedFormat;
}

async function read(c: RestContext, budgets: Budgets): Promise<Response> {
  const offered = [BINARY_TYPE, JSON_EMBEDDED_TYPE, METADATA_TYPE, JSON_TYPE];
  const contentType = negotiate(c.req.header("accept") ?? null, offered);
  if (contentType === null) return refuse(httpProblem(406, `ask for ${BINARY_TYPE} or ${JSON_EMBEDDED_TYPE}`));
  const query = readQuery(c.req.url, ["offset", "count"]);
  if (isProblem(query)) return refuse(query);
  const offset = wholeNumber(query, "offset", Number.MAX_SAFE_INTEGER);
  if (isProblem(offset)) return refuse(offset);
  const count = wholeNumber(query, "count", MAX_RECORDS_PER_READ);
  if (isProblem(count)) return refuse(count);
  const partition = partitionOf(c.req.param("partition") ?? "");
  if (partition === null) return refuse(partitionNotFound);
  const topic = await existingTopic(c, c.req.param("topic") ?? "");
  if (isProblem(topic)) return refuse(topic);
  if (partition >= topic.partitions.length) return refuse(partitionNotFound);
  const format: EmbeddedFormat = contentType === JSON_EMBEDDED_TYPE ? "json" : "binary";
  const wanted = { topicName: topic.name, partition, offset };
  const start = await startOffset(c.env.client, wanted);
  if (isProblem(start)) return refuse(start);
  const reading = { ...wanted, start, count: count ?? 1, format };
  return answerWithin(c, { budgets, reading, contentType });
}

interface Answering {
  readonly budgets: Budgets;
  readonly reading: Reading;
  readonly contentType: string;
}

/** Reads and answers with a share of the budget; a large answer gives it back when the client has taken it. */
async function answerWithin(c: RestContext, { budgets, reading, contentType }: Answering): Promise<Response> {
  const { client } = c.env;
  const lease = await budgets.reads.take(READ_FETCH_BYTES + MAX_READ_BYTES, client.ports);
  if (lease === null) return refuse(busy, { "retry-after": "1" });
  let isHandedOn = false;
  try {
    const body = await new Read(client, reading).run();
    if (isProblem(body)) return refuse(body);
    // Nobody reads the body of an answer to HEAD, which comes here too.
    if (body.length <= ANSWER_PIECE_BYTES || c.req.raw.method === "HEAD") return answer(body, contentType);
    const bytes = encoder.encode(body);
    lease.shrinkTo(bytes.length);
    isHandedOn = true;
    const paced = new PacedBytes(bytes, lease, client.ports.timers);
    return new Response(pacedBody(paced), { headers: { "content-type": contentType } });
  } finally {
    if (!isHandedOn) lease.release();
  }
}

/** A topic of our own routes: 40401 where it doesn't exist. */
export async function existingTopic(c: RestContext, name: string): Promise<TopicView | Problem> {
  const topic = await c.env.client.topic(name, { isFresh: true });
  if (!failed(topic)) return topic.value;
  return topic.errorCode === ErrorCode.INVALID_TOPIC_EXCEPTION
    ? topicNotFound
    : kafkaProblem(topic.errorCode, topic.message);
}

/** The offset to begin at, the earliest one where none is asked for; 400 for one that the partition doesn't have. */
async function startOffset(client: Client, { topicName, partition, offset }: WantedStart): Promise<number | Problem> {
  const [earliest, latest] = await Promise.all(
    [EARLIEST_TIMESTAMP, LATEST_TIMESTAMP].map((question) => listOffsets(client, topicName, [partition], question)),
  );
  if (failed(earliest)) return kafkaProblem(earliest.errorCode, earliest.message);
  if (failed(latest)) return kafkaProblem(latest.errorCode, latest.message);
  const first = earliest.value.get(partition) ?? 0;
  const end = latest.value.get(partition) ?? 0;
  const wanted = offset ?? first;
  if (wanted >= first && wanted <= end) return wanted;
  return badRequest(
    `Offset ${wanted} is out of range: partition ${partition} of ${topicName} begins at ${first} and ends before ${end}.`,
  );
}

/** One read: fetches until it has enough, or the partition has no more for now. */
class Read {
  private readonly client: Client;
  private readonly reading: Reading;
  private readonly items: string[] = [];
  private size = 0;
  private inflatedBytes = 0;
  /** What comes next is for another answer. */
  private isEnded = false;
  private offset: number;

  constructor(client: Client, reading: Reading) {
    this.client = client;
    this.reading = reading;
    this.offset = reading.start;
  }

  /** The body of the answer: a JSON array. */
  async run(): Promise<string | Problem> {
    let failures = 0;
    while (!this.isFull()) {
      const before = this.offset;
      const records = await this.fetch();
      if (records === ErrorCode.OFFSET_OUT_OF_RANGE) {
        if (this.items.length > 0) break;
        const problem = await this.startAnew(++failures);
        if (problem !== null) return problem;
        continue;
      }
      if (typeof records === "number") {
        this.client.forget(this.reading.topicName);
        if (!isStaleMetadata(records) || ++failures >= MAX_ATTEMPTS) return kafkaProblem(records);
        await this.client.backOff(failures);
        continue;
      }
      const problem = this.take(records);
      if (problem !== null) return problem;
      if (this.offset === before) break;
    }
    return `[${this.items.join(",")}]`;
  }

  /**
   * The log was cut while it was read. A leader raises its log start before that is committed, and tells only the committed one
   * (docs/decisions/0028): for that long, an offset is in range for those who ask and out of range for those who fetch.
   */
  private async startAnew(failures: number): Promise<Problem | null> {
    const { topicName, partition } = this.reading;
    if (failures >= MAX_ATTEMPTS) {
      return badRequest(`Offset ${this.offset} is out of range: partition ${partition} of ${topicName} was cut.`);
    }
    await this.client.backOff(failures);
    const start = await startOffset(this.client, this.reading);
    if (isProblem(start)) return start;
    this.offset = Math.max(this.offset, start);
    return null;
  }

  private isFull(): boolean {
    return this.isEnded || this.items.length >= this.reading.count || this.size >= MAX_READ_BYTES;
  }

  private async fetch(): Promise<Uint8Array | ErrorCode> {
    const { topicName, partition } = this.reading;
    const topic = await this.client.topic(topicName);
    if (failed(topic)) return topic.errorCode;
    const leaderId = topic.value.partitions[partition]?.leaderId ?? -1;
    if (leaderId < 0) return ErrorCode.LEADER_NOT_AVAILABLE;
    const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: READ_FETCH_BYTES, partitionMaxBytes: READ_FETCH_BYTES };
    const positions = [{ partition, offset: this.offset }];
    const fetched = await fetchRecords(this.client, { leaderId, topicId: topic.value.topicId, positions }, limits);
    if (failed(fetched)) return fetched.errorCode;
    const answered = fetched.value.find((one) => one.partition === partition);
    if (answered === undefined) return ErrorCode.UNKNOWN_SERVER_ERROR;
    return answered.errorCode === ErrorCode.NONE ? answered.records : answered.errorCode;
  }

  private take(records: Uint8Array): Problem | null {
    try {
      for (const batch of fetchedBatches(records)) {
        if (this.isFull()) return null;
        if (batch.nextOffset <= this.offset) continue;
        const problem = this.takeBatch(batch);
        if (problem !== null || this.isEnded) return problem;
        if (!this.isFull()) this.offset = batch.nextOffset;
      }
      return null;
    } catch (error) {
      if (error instanceof MalformedMessageError) return this.stopBefore(error.message);
      throw error;
    }
  }

  private takeBatch(batch: FetchedBatch): Problem | null {
    try {
      const opened = batch.open(this.client.ports, MAX_INFLATED_BYTES);
      this.inflatedBytes += opened.inflatedBytes;
      for (const record of opened.records(this.offset)) {
        const problem = this.takeRecord(record);
        if (problem !== null || this.isFull()) return problem;
      }
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      return this.stopBefore(`${error.message}; the batch behind it begins at offset ${batch.nextOffset}`);
    }
    if (this.inflatedBytes >= MAX_READ_INFLATED_BYTES && this.items.length > 0) this.isEnded = true;
    return null;
  }

  /** The answer ends before what can't be shown; where that comes first, it is the answer, as it will be every time. */
  private stopBefore(reason: string): Problem | null {
    this.isEnded = true;
    if (this.items.length > 0) return null;
    const { topicName, partition } = this.reading;
    return unreadable(`Offset ${this.offset} of partition ${partition} of ${topicName} can't be shown: ${reason}.`);
  }

  private takeRecord(record: StoredRecord): Problem | null {
    const { topicName, partition, format } = this.reading;
    const sizeInBytes = storedBytes(record);
    if (sizeInBytes > MAX_SHOWN_RECORD_BYTES) {
      this.offset = record.offset;
      return this.stopBefore(`the record has ${sizeInBytes} bytes, and HTTP shows ${MAX_SHOWN_RECORD_BYTES} at most`);
    }
    const render = format === "json" ? renderJson : renderBinary;
    const key = render(record.key);
    const value = render(record.value);
    if (key === undefined || value === undefined)
      return formatMismatch(record.offset, key === undefined ? "key" : "value");
    const item = `{"topic":${JSON.stringify(topicName)},"key":${key},"value":${value},"partition":${partition},"offset":${record.offset}}`;
    // JSON is shown as it was stored, where a character may take more bytes than one.
    const itemBytes = Math.max(item.length, (record.key?.length ?? 0) + (record.value?.length ?? 0));
    if (this.items.length > 0 && this.size + itemBytes > MAX_READ_BYTES) {
      this.isEnded = true;
      return null;
    }
    this.items.push(item);
    this.size += itemBytes;
    this.offset = record.offset + 1;
    return null;
  }
}

function formatMismatch(offset: number, field: string): Problem {
  const message = `The ${field} of the record at offset ${offset} is no JSON; ask for ${BINARY_TYPE}.`;
  return { status: 406, errorCode: ProblemCode.FORMAT_MISMATCH, message };
}
