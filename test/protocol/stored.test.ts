import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeConsumerProtocol,
  encodeConsumerProtocol,
} from "#protocol/stored/consumer-protocol.ts";
import { GroupMetadataKey, GroupMetadataValue } from "#protocol/stored/group-metadata.ts";
import { OffsetCommitKey, OffsetCommitValue } from "#protocol/stored/offset-commit.ts";
import {
  decodeStoredKey,
  decodeStoredValue,
  encodeStoredKey,
  encodeStoredValue,
  storedKind,
} from "#protocol/stored/record.ts";

describe("records of __consumer_offsets", () => {
  it("have a kind before the key and a version before the value", () => {
    const key = encodeStoredKey(OffsetCommitKey, { group: "g", topic: "t", partition: 2 });
    expect(Buffer.from(key).toString("hex")).toBe("00010001670001740000" + "0002");
    expect(storedKind(key)).toBe(1);
    expect(decodeStoredKey(OffsetCommitKey, key)).toEqual({ group: "g", topic: "t", partition: 2 });
    const value = encodeStoredValue(OffsetCommitValue, { offset: 9, metadata: "m", commitTimestamp: 5 }, 3);
    expect(value[1]).toBe(3);
    expect(decodeStoredValue(OffsetCommitValue, value).offset).toBe(9);
    expect(storedKind(encodeStoredKey(GroupMetadataKey, { group: "g" }))).toBe(2);
  });

  it("of another kind or a future version are malformed", () => {
    const key = encodeStoredKey(GroupMetadataKey, { group: "g" });
    expect(() => decodeStoredKey(OffsetCommitKey, key)).toThrow(MalformedMessageError);
    const value = encodeStoredValue(GroupMetadataValue, {}, 3);
    value[1] = 5;
    expect(() => decodeStoredValue(GroupMetadataValue, value)).toThrow(MalformedMessageError);
    value[0] = 0xff;
    expect(() => decodeStoredValue(GroupMetadataValue, value)).toThrow(MalformedMessageError);
    expect(() => storedKind(new Uint8Array(1))).toThrow(MalformedMessageError);
  });
});

describe("what consumers tell each other", () => {
  it("stands behind its version", () => {
    const draft = { assignedPartitions: [{ topic: "t", partitions: [0, 2] }], userData: null };
    const assignment = encodeConsumerProtocol(ConsumerProtocolAssignment, draft, 1);
    expect(Buffer.from(assignment).toString("hex")).toBe("0001000000010001740000000200000000" + "00000002ffffffff");
    expect(decodeConsumerProtocol(ConsumerProtocolAssignment, assignment)).toEqual(draft);
  });

  it("is read as our newest version if it is newer", () => {
    const subscription = encodeConsumerProtocol(ConsumerProtocolSubscription, { topics: ["a", "b"], rackId: "r" }, 3);
    subscription[1] = 9;
    expect(decodeConsumerProtocol(ConsumerProtocolSubscription, subscription)).toMatchObject({
      topics: ["a", "b"],
      rackId: "r",
    });
    subscription[0] = 0xff;
    expect(() => decodeConsumerProtocol(ConsumerProtocolSubscription, subscription)).toThrow(MalformedMessageError);
  });
});
