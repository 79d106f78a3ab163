import { readFileSync } from "node:fs";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { subscribedTopicsOf } from "#group/classic/subscription.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { decodeSnapshot, encodeSnapshot } from "#log/snapshot.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeConsumerProtocol,
  encodeConsumerProtocol,
} from "#protocol/stored/consumer-protocol.ts";
import { TransactionCoordinator } from "#transaction/coordinator.ts";
import { DEFAULT_TRANSACTION_CONFIG } from "#transaction/limits.ts";
import { newCoordinator } from "../../group/new-coordinator.ts";
import type { FuzzTarget } from "../fuzzer.ts";

interface Machine {
  replay(record: CoordinatorRecord, producer: null): void;
  liveRecords(): Iterable<CoordinatorRecord>;
}

const LENGTH_BYTES = 2;
const TOMBSTONE = 0xffff;

/** Records as the fuzzer sees them: each a key and a value, behind a 16-bit length. */
function packed(records: Iterable<CoordinatorRecord>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { key, value } of records) {
    for (const bytes of [key, value]) {
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt16BE(bytes === null ? TOMBSTONE : bytes.length);
      parts.push(length, bytes ?? new Uint8Array(0));
    }
  }
  return Uint8Array.from(Buffer.concat(parts));
}

function* unpacked(input: Uint8Array): Generator<CoordinatorRecord> {
  let at = 0;
  const next = () => {
    const length = (input[at] << 8) | (input[at + 1] ?? 0);
    at += LENGTH_BYTES;
    const bytes = length === TOMBSTONE ? null : input.slice(at, at + length);
    at += bytes?.length ?? 0;
    return bytes;
  };
  while (at < input.length) {
    const key = next() ?? new Uint8Array(0);
    yield { key, value: at < input.length ? next() : null };
  }
}

/** A damaged log is malformed, and nothing worse; what a sound one left behind is the same after another replay. */
function replayTarget(name: string, create: () => Machine, seeds: FuzzTarget["seeds"]): FuzzTarget {
  return {
    name,
    maxBytes: 800,
    seeds,
    run: (input) => {
      const machine = create();
      try {
        for (const record of unpacked(input)) machine.replay(record, null);
      } catch (error) {
        if (error instanceof MalformedMessageError) return "malformed";
        throw error;
      }
      const live = packed(machine.liveRecords());
      const other = create();
      for (const record of unpacked(live)) other.replay(record, null);
      if (Buffer.compare(packed(other.liveRecords()), live) !== 0)
        throw new Error("another replay gives another state");
      return `sound ${Math.min(live.length, 1)}`;
    },
  };
}

/** As Apache Kafka has written them. */
function groupRecords(): readonly Uint8Array[] {
  const file = new URL("../../vectors/group/records.json", import.meta.url);
  const { records } = JSON.parse(readFileSync(file, "utf8")) as {
    records: Record<string, { key: string; value: string | null }>;
  };
  const all = Object.values(records).map(({ key, value }) => ({
    key: Buffer.from(key, "hex"),
    value: value === null ? null : Buffer.from(value, "hex"),
  }));
  return [...all.map((record) => packed([record])), packed(all.slice(0, 4))];
}

function transactionRecords(): readonly Uint8Array[] {
  // The key of "tx", and a value of version 1: ongoing, with one partition.
  const key = Buffer.from("000000027478", "hex");
  const value = Buffer.from("000100000000000000070000ea600102027404000000000000000000000000000000000000000000", "hex");
  return [packed([{ key, value }]), packed([{ key, value: null }])];
}

export const groupLogTarget = replayTarget("group-log", () => newCoordinator(DEFAULT_GROUP_CONFIG), groupRecords);

export const transactionLogTarget = replayTarget(
  "transaction-log",
  () => new TransactionCoordinator(DEFAULT_TRANSACTION_CONFIG, 0),
  transactionRecords,
);

/** What consumers tell each other and the broker only passes on, but for the topics in it. */
export const consumerProtocolTarget: FuzzTarget = {
  name: "consumer-protocol",
  maxBytes: 300,
  seeds: () => [
    ...[0, 1, 2, 3].map((version) =>
      encodeConsumerProtocol(
        ConsumerProtocolSubscription,
        { topics: ["a", "bc"], ownedPartitions: [{ topic: "a", partitions: [0] }], userData: Uint8Array.of(1) },
        version,
      ),
    ),
    encodeConsumerProtocol(ConsumerProtocolAssignment, { assignedPartitions: [{ topic: "a", partitions: [1, 2] }] }, 3),
  ],
  run: (input) => {
    const topics = subscribedTopicsOf([{ memberId: "m", groupInstanceId: null, metadata: input }]);
    const outcomes = [ConsumerProtocolSubscription, ConsumerProtocolAssignment].map((table) => {
      try {
        decodeConsumerProtocol<unknown>(table, input);
        return "sound";
      } catch (error) {
        if (error instanceof MalformedMessageError) return "malformed";
        throw error;
      }
    });
    return `${topics === null ? "unread" : Math.min(topics.size, 2)} ${outcomes}`;
  },
};

/** What a partition remembers beside its rows. It is our own, but a disk may be damaged. */
export const snapshotTarget: FuzzTarget = {
  name: "snapshot",
  maxBytes: 600,
  seeds: () => [
    Uint8Array.from(
      Buffer.from(
        "0001000000000000000000000000000000050000000000000001c3dfffffffffffff00000001000000000000000000000000" +
          "00000001000000000000000700004278bcfe56800000427" +
          "8bcfe568000000100000004000000000000000400000000427" +
          "8bcfe56800000",
        "hex",
      ),
    ),
  ],
  run: (input) => {
    // One of the versions that there are: any other is refused, as it should be.
    if (input.length >= 2) input.set([0, 1 + (input[1] % 2)]);
    try {
      const once = encodeSnapshot(decodeSnapshot(input)).slice();
      const again = encodeSnapshot(decodeSnapshot(once));
      if (Buffer.compare(once, again) !== 0) return "unstable";
      return "sound";
    } catch (error) {
      if (error instanceof MalformedMessageError) return "malformed";
      throw error;
    }
  },
};
