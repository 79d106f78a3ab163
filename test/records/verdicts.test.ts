import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { readBatchHeader, stampBatch, stampMaxTimestamp } from "#records/batch.ts";
import { validateBatch } from "#records/validate.ts";
import { zlibCodecs as codecs } from "#worker/codecs.ts";
import { twins } from "../kernels/twins.ts";
import { type VerdictCase, verdictCases } from "./verdict-cases.ts";

interface Verdict {
  readonly errorCode: number;
  readonly rejected: readonly number[];
  /** CRC of the batch as stored; null when it is refused. */
  readonly crc: number | null;
}

const VERDICTS = new URL("../vectors/records/verdicts.tsv", import.meta.url);

const verdicts = new Map<string, Verdict>(
  readFileSync(VERDICTS, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [name, errorCode, rejected, crc] = line.split("\t");
      const indices = rejected ? rejected.split(",").map(Number) : [];
      return [name, { errorCode: Number(errorCode), rejected: indices, crc: crc ? Number(crc) : null }];
    }),
);

/** Changes that come out as offset deltas other than 0, 1, 2: Kafka stores them as they are (src/records/validate.ts). */
const OFFSET_DELTAS = [
  ...["byte 63 ^ 128", "byte 63 ^ 255", "byte 64 ^ 1", "byte 64 ^ 2", "byte 64 ^ 128", "byte 64 ^ 255", "byte 73 ^ 1"],
  ...["byte 73 ^ 2", "byte 83 ^ 128", "byte 83 ^ 255", "byte 84 ^ 1", "byte 84 ^ 2", "byte 84 ^ 128", "byte 84 ^ 255"],
];

/** Where we answer otherwise than Kafka, on purpose. */
const DEPARTURES: { readonly [name: string]: ErrorCode } = {
  ...Object.fromEntries(OFFSET_DELTAS.map((name) => [name, ErrorCode.INVALID_RECORD])),
  // The size overflows 32 bits in Kafka, which ends as an unknown error.
  "length 2147483647": ErrorCode.INVALID_RECORD,
  // What can't be opened ends as an unknown error in Kafka.
  "broken at 61, unpacked": ErrorCode.INVALID_RECORD,
  "broken at 70, unpacked": ErrorCode.INVALID_RECORD,
};

describe.each(twins)("the verdict on a produced batch, as Kafka 4.4 gives it ($name)", (kernels) => {
  function judge({ batch, rules }: VerdictCase): Verdict {
    const outcome = validateBatch({ kernels, codecs }, batch, rules);
    if (!outcome.ok) {
      return {
        errorCode: outcome.errorCode,
        rejected: outcome.recordErrors.map((error) => error.batchIndex),
        crc: null,
      };
    }
    const stored = (outcome.repacked ?? batch).slice(0, outcome.sizeInBytes);
    if (outcome.stamp !== null) stampMaxTimestamp(kernels, stored, 0, outcome.stamp);
    stampBatch(stored, 0, 0, 0);
    return { errorCode: ErrorCode.NONE, rejected: [], crc: readBatchHeader(stored, 0).crc };
  }

  it.each(verdictCases())("$name", (verdictCase) => {
    const departure = DEPARTURES[verdictCase.name];
    const expected = verdicts.get(verdictCase.name);
    if (departure === undefined) return expect(judge(verdictCase)).toEqual(expected);
    expect(judge(verdictCase).errorCode).toBe(departure);
    expect(expected?.errorCode).not.toBe(departure);
  });
});
