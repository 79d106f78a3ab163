import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { ZERO_UUID } from "#bytes/uuid.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import { ClassicGroup, type NewMember } from "#group/classic/group.ts";
import { groupFromRecord } from "#group/classic/load.ts";
import { emptyGroupRecord, groupMetadataRecord, groupTombstone, offsetRecord, offsetTombstone } from "#group/stored.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { readRecord } from "./read-record.ts";

interface Vectors {
  readonly records: Record<string, { readonly key: string; readonly value: string | null }>;
  readonly partitionsOf50: Record<string, number>;
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("../vectors/group/records.json", import.meta.url), "utf8"));
const TOPIC_ID = "BBBBBBBBBBBBBBBBBBBBBA";
const position = { groupId: "g", topic: "t", partitionIndex: 3 };
const committed = {
  offset: 42,
  leaderEpoch: 5,
  metadata: "note",
  commitTimestampMs: 1_700_000_000_003,
  expireTimestampMs: null,
  topicId: TOPIC_ID,
};

function hex(record: CoordinatorRecord) {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return { key: text(record.key), value: record.value === null ? null : text(record.value) };
}

function fromVector(name: string): CoordinatorRecord {
  const { key, value } = vectors.records[name];
  return { key: Buffer.from(key, "hex"), value: value === null ? null : Buffer.from(value, "hex") };
}

interface Standing {
  readonly generationId: number;
  readonly stateTimestampMs: number;
  readonly members: readonly [NewMember, Uint8Array][];
}

function groupWith(groupId: string, { generationId, stateTimestampMs, members }: Standing): ClassicGroup {
  const group = new ClassicGroup(groupId, stateTimestampMs);
  group.generationId = generationId;
  group.protocolType = "consumer";
  for (const [draft, assignment] of members) group.assign(group.add(draft, "consumer", null), assignment);
  group.protocolName = members.length === 0 ? null : "range";
  group.state = members.length === 0 ? "Empty" : "Stable";
  return group;
}

function member(memberId: string, groupInstanceId: string | null, subscription: number[]): NewMember {
  return {
    memberId,
    groupInstanceId,
    clientId: "client",
    clientHost: "/127.0.0.1",
    rebalanceTimeoutMs: 300_000,
    sessionTimeoutMs: 45_000,
    protocols: [{ name: "range", metadata: Uint8Array.from(subscription) }],
  };
}

const standings: Record<string, ClassicGroup> = {
  group: groupWith("grüppe", {
    generationId: 7,
    stateTimestampMs: 1_700_000_000_000,
    members: [[member("client-1", null, [0, 1, 2]), Uint8Array.of(9, 8)]],
  }),
  static: groupWith("pair", {
    generationId: 2,
    stateTimestampMs: 1_700_000_000_001,
    members: [[member("instance-2", "instance", []), new Uint8Array(0)]],
  }),
  empty: groupWith("g", { generationId: 3, stateTimestampMs: 1_700_000_000_002, members: [] }),
};

describe("records that Apache Kafka 4.4.0 writes", () => {
  it("are written byte for byte: groups", () => {
    for (const [name, group] of Object.entries(standings)) {
      expect(hex(groupMetadataRecord(group)), name).toEqual(vectors.records[name]);
    }
    expect(hex(emptyGroupRecord(standings.empty))).toEqual(vectors.records.new);
    expect(hex(groupTombstone("g"))).toEqual(vectors.records.groupTombstone);
  });

  it("are written byte for byte: offsets", () => {
    expect(hex(offsetRecord(position, committed))).toEqual(vectors.records.offset);
    const plain = { ...committed, leaderEpoch: -1, metadata: "", topicId: ZERO_UUID };
    expect(hex(offsetRecord(position, plain))).toEqual(vectors.records.offsetWithoutTopicId);
    const expiring = { ...committed, metadata: "", expireTimestampMs: 1_700_000_001_000 };
    expect(hex(offsetRecord(position, expiring))).toEqual(vectors.records.offsetWithExpiry);
    expect(hex(offsetTombstone(position))).toEqual(vectors.records.offsetTombstone);
  });

  it("are read", () => {
    expect(readRecord(fromVector("offset"))).toEqual({ kind: "offset", position, committed });
    expect(readRecord(fromVector("offsetTombstone"))).toEqual({ kind: "offset", position, committed: null });
    expect(readRecord(fromVector("groupTombstone"))).toEqual({ kind: "group", groupId: "g", value: null });
    for (const [name, group] of Object.entries(standings)) {
      const change = readRecord(fromVector(name));
      if (change.kind !== "group" || change.value === null) throw new Error(`${name} is no group`);
      const loaded = groupFromRecord(change.groupId, change.value);
      expect(hex(groupMetadataRecord(loaded)), name).toEqual(vectors.records[name]);
      expect([loaded.state, loaded.leaderId, loaded.protocolType]).toEqual([group.state, group.leaderId, "consumer"]);
    }
  });
});

describe("what else may stand in the log", () => {
  it("of other group protocols is passed over", () => {
    expect(readRecord({ key: Uint8Array.of(0, 3, 0, 1, 103), value: Uint8Array.of(0, 0) })).toEqual({
      kind: "unknown",
    });
  });

  it("that can't be read is a damaged log", () => {
    expect(() => readRecord({ key: Uint8Array.of(0), value: null })).toThrow(MalformedMessageError);
    const { key, value } = fromVector("group");
    expect(() => readRecord({ key, value: value?.slice(0, 20) ?? null })).toThrow(MalformedMessageError);
  });
});

describe("the partition of a group", () => {
  for (const [groupId, partitionIndex] of Object.entries(vectors.partitionsOf50)) {
    it(`is Kafka's for '${groupId}'`, () => expect(partitionOfKey(groupId, 50)).toBe(partitionIndex));
  }
});
