/** `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}` (REST Proxy API v2). */

import { failed } from "#client/outcome.ts";
import { produce as produceRecords, type RecordResult } from "#client/produce.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { readBody } from "./body.ts";
import type { Budgets } from "./budget.ts";
import { answer, partitionOf, type RestApp, type RestContext, refuse } from "./context.ts";
import { type EmbeddedFormat, embeddedFormatOf, embeddedType, JSON_TYPE, METADATA_TYPE, negotiate } from "./media.ts";
import {
  httpProblem,
  kafkaProblem,
  type Problem,
  ProblemCode,
  partitionNotFound,
  recordErrorCode,
} from "./problems.ts";
import { parseProduce, type RequestedRecord } from "./produce-request.ts";

/** The log of the cluster's own metadata: no topic of ours, and none of anybody's. */
const CLUSTER_METADATA_TOPIC = "__cluster_metadata";

export function produceRoutes(app: RestApp, budgets: Budgets): void {
  app.post("/topics/:topic", (c) => produce(c, budgets, null));
  app.post("/topics/:topic/partitions/:partition", (c) => {
    const partition = partitionOf(c.req.param("partition"));
    return partition === null ? refuse(partitionNotFound) : produce(c, budgets, partition);
  });
}

/** One offset of the answer: where the record is, or why it isn't. */
interface OffsetJson {
  readonly partition: number | null;
  readonly offset: number | null;
  readonly error_code: number | null;
  readonly error: string | null;
}

/** `partition` is the path's, null where the records choose. */
async function produce(c: RestContext, budgets: Budgets, partition: number | null): Promise<Response> {
  const format = formatOf(c.req.header("content-type") ?? null);
  if (typeof format !== "string") return refuse(format);
  const contentType = negotiate(c.req.header("accept") ?? null, [METADATA_TYPE, JSON_TYPE, embeddedType(format)]);
  if (contentType === null) return refuse(httpProblem(406));
  const body = await readBody(c.req.raw, budgets.bodies, c.env.client.ports);
  if ("status" in body) return refuse(body);
  try {
    const parsed = parseProduce(body.bytes, { format, partition });
    if (!parsed.ok) return refuse(parsed.problem);
    return await append(c, { partition, records: parsed.records, contentType });
  } finally {
    body.release();
  }
}

function formatOf(contentType: string | null): EmbeddedFormat | Problem {
  const format = embeddedFormatOf(contentType);
  if (format === "schema")
    return httpProblem(415, "formats with a schema need a schema registry, and there is none yet");
  if (format === null) {
    return httpProblem(415, `send ${embeddedType("json")} or ${embeddedType("binary")}`);
  }
  return format;
}

interface Append {
  readonly partition: number | null;
  readonly records: readonly RequestedRecord[];
  readonly contentType: string;
}

async function append(c: RestContext, { partition, records, contentType }: Append): Promise<Response> {
  const { client } = c.env;
  const topic = c.req.param("topic") ?? "";
  if (topic === CLUSTER_METADATA_TOPIC) return refuse(internalTopic(topic));
  const known = await client.topic(topic, { mayCreate: true });
  if (failed(known)) return refuse(kafkaProblem(known.errorCode, known.message));
  if (known.value.isInternal) return refuse(internalTopic(topic));
  if (partition !== null) {
    if (partition >= known.value.partitions.length) {
      const fresh = await client.topic(topic, { mayCreate: true, isFresh: true });
      if (!failed(fresh) && partition >= fresh.value.partitions.length) return refuse(partitionNotFound);
    }
  }
  const timestampMs = client.ports.clock.nowMs();
  const results = await produceRecords(
    client,
    topic,
    records.map((record) => ({ ...record, timestampMs })),
  );
  if (failed(results)) return refuse(kafkaProblem(results.errorCode, results.message));
  const offsets = results.value.map(offsetJson);
  const body = JSON.stringify({ offsets, key_schema_id: null, value_schema_id: null });
  return answer(body, contentType, statusOf(offsets));
}

function internalTopic(topic: string): Problem {
  return kafkaProblem(ErrorCode.INVALID_TOPIC_EXCEPTION, `${topic} is the cluster's own: nobody else writes to it.`);
}

function offsetJson({ partition, offset, errorCode, message }: RecordResult): OffsetJson {
  if (errorCode === ErrorCode.NONE) return { partition, offset, error_code: null, error: null };
  return { partition: null, offset: null, error_code: recordErrorCode(errorCode), error: message };
}

/** As in the proxy, errors of records leave the answer at 200, except those about who asks. */
function statusOf(offsets: readonly OffsetJson[]): number {
  for (const { error_code } of offsets) {
    if (error_code === ProblemCode.KAFKA_AUTHENTICATION) return 401;
    if (error_code === ProblemCode.KAFKA_AUTHORIZATION) return 403;
  }
  return 200;
}
