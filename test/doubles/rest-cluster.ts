import { Client } from "#client/client.ts";
import { referenceKernels } from "#kernels/reference.ts";
import type { Random } from "#ports/random.ts";
import { buildBatch } from "#records/builder.ts";
import type { NewRecord } from "#records/record.ts";
import { createRest } from "#rest/app.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import { Brokers, type BrokersOptions } from "./brokers.ts";
import { ManualTime } from "./manual-time.ts";

/** Always the first of what there is. */
export const noRandom: Random = { uuid: () => "AAAAAAAAAAAAAAAAAAAAAA", below: () => 0 };

export const compression = { kernels: referenceKernels, codecs: zlibCodecs };

/** A cluster in memory, a client of it, and the HTTP edge in front. */
export function restCluster(options: Omit<BrokersOptions, "timers"> = {}) {
  const time = new ManualTime();
  const brokers = new Brokers({ ...options, timers: time });
  const client = new Client(
    { transport: brokers, clock: time, timers: time, random: noRandom, ...compression },
    { clientId: "test" },
  );
  const failures: Error[] = [];
  const rest = createRest({ onFailure: (error) => failures.push(error) });
  const request = async (path: string, init?: RequestInit): Promise<Response> =>
    rest.fetch(new Request(`http://kedge.test${path}`, init), { client });
  return { time, brokers, client, request, failures };
}

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** One uncompressed batch of records with text keys and values. */
export function batchOf(...records: (Partial<NewRecord> | string)[]): Uint8Array {
  const full = records.map((record) => ({
    timestampMs: 1_700_000_000_123,
    key: null,
    value: typeof record === "string" ? utf8(record) : null,
    ...(typeof record === "string" ? {} : record),
  }));
  return buildBatch(compression, full);
}
