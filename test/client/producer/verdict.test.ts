import { describe, expect, it } from "vitest";
import { ProducerBatch } from "#client/producer/batch.ts";
import { Sequences } from "#client/producer/sequences.ts";
import { type Verdict, verdictOf } from "#client/producer/verdict.ts";
import { ErrorCode } from "#protocol/errors.ts";

type Kind = "plain" | "idempotent" | "transactional";

function verdict(
  kind: Kind,
  errorCode: number,
  change: (batch: ProducerBatch) => void = () => undefined,
  logStartOffset = 0,
): Verdict {
  const sequences = new Sequences();
  sequences.adopt({ producerId: 1, producerEpoch: 0 }, false);
  const batch = new ProducerBatch("t", 0, 0, 0);
  batch.add({ record: { timestampMs: 0, key: null, value: null }, sizeInBytes: 1, settle: () => undefined });
  sequences.assign(batch);
  batch.sentWith = batch.sequence;
  batch.wasNext = true;
  change(batch);
  const judge = { sequences: kind === "plain" ? null : sequences, isTransactional: kind === "transactional" };
  return verdictOf(batch, { errorCode, logStartOffset }, judge);
}

const renumber = (batch: ProducerBatch) => batch.setSequence({ producerId: 1, producerEpoch: 1, baseSequence: 0 });
const notNext = (batch: ProducerBatch) => {
  batch.wasNext = false;
};

describe("verdictOf", () => {
  it.each<[Kind, keyof typeof ErrorCode, Verdict]>([
    ["plain", "NOT_LEADER_OR_FOLLOWER", "retry"],
    ["plain", "NETWORK_EXCEPTION", "retry"],
    ["plain", "MESSAGE_TOO_LARGE", "fail"],
    ["plain", "OUT_OF_ORDER_SEQUENCE_NUMBER", "fail"],
    ["idempotent", "DUPLICATE_SEQUENCE_NUMBER", "delivered"],
    ["idempotent", "OUT_OF_ORDER_SEQUENCE_NUMBER", "bump-and-retry"],
    ["idempotent", "UNKNOWN_PRODUCER_ID", "bump-and-retry"],
    ["idempotent", "INVALID_PRODUCER_EPOCH", "fail"],
    ["idempotent", "TOPIC_AUTHORIZATION_FAILED", "fail"],
    ["idempotent", "INVALID_RECORD", "fail"],
    ["transactional", "OUT_OF_ORDER_SEQUENCE_NUMBER", "fail"],
    ["transactional", "INVALID_PRODUCER_EPOCH", "fail"],
    ["transactional", "CONCURRENT_TRANSACTIONS", "retry"],
    ["transactional", "TRANSACTION_ABORTABLE", "fail"],
  ])("a batch of a producer that is %s: %s → %s", (kind, name, expected) => {
    expect(verdict(kind, ErrorCode[name])).toBe(expected);
  });

  it("tries a batch again whose predecessors were still under way", () => {
    expect(verdict("idempotent", ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, notNext)).toBe("retry");
    expect(verdict("transactional", ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, notNext)).toBe("retry");
  });

  it("tries a batch again that was numbered anew meanwhile", () => {
    for (const name of ["OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID", "INVALID_PRODUCER_EPOCH"] as const) {
      expect(verdict("idempotent", ErrorCode[name], renumber)).toBe("retry");
    }
  });

  it("goes by the log's start when a leader has forgotten a producer", () => {
    expect(verdict("idempotent", ErrorCode.UNKNOWN_PRODUCER_ID, undefined, -1)).toBe("retry");
    expect(verdict("transactional", ErrorCode.UNKNOWN_PRODUCER_ID, undefined, 5)).toBe("restart-and-retry");
    expect(verdict("transactional", ErrorCode.UNKNOWN_PRODUCER_ID, undefined, -1)).toBe("retry");
  });

  it("splits what is too large, if it can be split", () => {
    const second = (batch: ProducerBatch) =>
      batch.add({ record: { timestampMs: 0, key: null, value: null }, sizeInBytes: 1, settle: () => undefined });
    expect(verdict("idempotent", ErrorCode.MESSAGE_TOO_LARGE, second)).toBe("split");
  });
});
