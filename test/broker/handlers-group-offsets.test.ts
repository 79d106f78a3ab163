import { describe, expect, it } from "vitest";
import { offsetCommit } from "#broker/handlers/08-offset-commit.ts";
import { offsetFetch } from "#broker/handlers/09-offset-fetch.ts";
import { ZERO_UUID } from "#bytes/uuid.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import { GroupServer, versions } from "../group/group-server.ts";

describe("OffsetCommit and OffsetFetch", () => {
  const partition = (partitionIndex: number, committedMetadata: string | null = "m") => ({
    partitionIndex,
    committedOffset: 40 + partitionIndex,
    committedLeaderEpoch: 3,
    committedMetadata,
  });

  for (const version of versions(offsetCommit)) {
    it(`OffsetCommit ${version}`, async () => {
      const server = new GroupServer();
      const member = await server.member();
      const topicId = server.world.topicId("t");
      const stranger = "BBBBBBBBBBBBBBBBBBBBBA";
      const request = {
        groupId: "g",
        memberId: member.memberId,
        generationIdOrMemberEpoch: member.generationId,
        topics: [
          { name: "nowhere", topicId: stranger, partitions: [partition(0)] },
          {
            name: "t",
            topicId,
            partitions: [partition(2), partition(7), partition(0, "x".repeat(5000)), partition(1)],
          },
        ],
      };
      const answer = await server.commit(version, request);
      expect(answer.topics.map((topic) => (version >= 10 ? topic.topicId : topic.name))).toEqual(
        version >= 10 ? [stranger, topicId] : ["nowhere", "t"],
      );
      const codes = answer.topics.map((topic) => topic.partitions.map((one) => [one.partitionIndex, one.errorCode]));
      const unknownTopic = version >= 10 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      expect(codes).toEqual([
        [[0, unknownTopic]],
        [
          [2, ErrorCode.NONE],
          [7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
          [0, ErrorCode.OFFSET_METADATA_TOO_LARGE],
          [1, ErrorCode.NONE],
        ],
      ]);
      const refused = await server.commit(version, { ...request, generationIdOrMemberEpoch: 9 });
      expect(refused.topics.flatMap((topic) => topic.partitions.map((one) => one.errorCode))).toEqual([
        unknownTopic,
        ErrorCode.ILLEGAL_GENERATION,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.ILLEGAL_GENERATION,
        ErrorCode.ILLEGAL_GENERATION,
      ]);
      const nobody = await server.commit(version, { ...request, groupId: "nobody" });
      expect(nobody.topics[1].partitions[0].errorCode).toBe(
        version >= 9 ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION,
      );
      const none = await server.commit(version, { ...request, topics: [request.topics[0]] });
      expect(none.topics[0].partitions[0].errorCode).toBe(unknownTopic);
    });
  }

  for (const version of versions(offsetFetch)) {
    it(`OffsetFetch ${version}`, async () => {
      const server = new GroupServer();
      const topicId = server.world.topicId("t");
      await server.commit(2, { groupId: "g", topics: [{ name: "t", partitions: [partition(1), partition(0)] }] });
      const wanted = [
        { name: "t", topicId, partitionIndexes: [1, 2] },
        { name: "u", topicId: server.world.topicId("u"), partitionIndexes: [0] },
      ];
      const found = (topics: OffsetFetchResponse["groups"][number]["topics"] | OffsetFetchResponse["topics"]) =>
        topics.map((topic) =>
          topic.partitions.map((one) => [one.partitionIndex, one.committedOffset, one.metadata, one.errorCode]),
        );
      const expected = [
        [
          [1, 41, "m", 0],
          [2, -1, "", 0],
        ],
        [[0, -1, "", 0]],
      ];
      const all = [
        [
          [0, 40, "m", 0],
          [1, 41, "m", 0],
        ],
      ];
      if (version < 8) {
        expect(found((await server.fetch(version, { groupId: "g", topics: wanted })).topics)).toEqual(expected);
        if (version >= 2)
          expect(found((await server.fetch(version, { groupId: "g", topics: null })).topics)).toEqual(all);
        const other = await server.fetch(version, { groupId: "nobody", topics: wanted });
        expect(found(other.topics)[0][0]).toEqual([1, -1, "", 0]);
        return;
      }
      const groups = [
        { groupId: "g", topics: wanted },
        { groupId: "nobody", topics: null },
        { groupId: "g", topics: null },
      ];
      const answer = await server.fetch(version, { groups, requireStable: true });
      expect(answer.groups.map((group) => [group.groupId, group.errorCode])).toEqual([
        ["g", 0],
        ["nobody", 0],
        ["g", 0],
      ]);
      expect(answer.groups.map((group) => found(group.topics))).toEqual([expected, [], all]);
      for (const group of answer.groups) {
        for (const topic of group.topics)
          expect(version >= 10 ? topic.topicId : topic.name).not.toBe(version >= 10 ? ZERO_UUID : "");
      }
    });
  }

  it("a commit that names a partition very often is answered in the time of its length", async () => {
    const server = new GroupServer();
    const many = (partitionIndex: (i: number) => number) =>
      Array.from({ length: 100_000 }, (_, i) => partition(partitionIndex(i), ""));
    const partitions = [...many(() => 0), ...many((i) => 5_000 + i)];
    const answer = await server.commit(6, { groupId: "g", topics: [{ name: "t", partitions }] });
    const codes = answer.topics[0].partitions.map((one) => one.errorCode);
    expect(codes.length).toBe(200_000);
    expect(new Set(codes.slice(0, 100_000))).toEqual(new Set([ErrorCode.NONE]));
    expect(new Set(codes.slice(100_000))).toEqual(new Set([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]));
  });

  it("what is asked for twice is answered once", async () => {
    const server = new GroupServer();
    const metadata = "m".repeat(1_000);
    await server.commit(2, { groupId: "g", topics: [{ name: "t", partitions: [partition(0, metadata)] }] });
    const often = Array.from({ length: 1_000 }, () => 0);
    const topics = [
      { name: "t", partitionIndexes: often },
      { name: "u", partitionIndexes: [0] },
      { name: "t", partitionIndexes: [1, 0] },
    ];
    const expected = [
      { name: "t", partitions: [{ committedOffset: 40, metadata }, { committedOffset: -1 }] },
      { name: "u", partitions: [{ committedOffset: -1 }] },
    ];
    for (const version of [1, 7]) {
      const answer = await server.fetch(version, { groupId: "g", topics });
      expect(answer.topics).toMatchObject(expected);
      expect(answer.topics[0].partitions.length).toBe(2);
    }
    const groups = Array.from({ length: 100 }, (_, i) => ({ groupId: "g", topics: i % 2 === 0 ? topics : null }));
    const answer = await server.fetch(8, { groups });
    expect(answer.groups.length).toBe(2);
    expect(answer.groups[0].topics).toMatchObject(expected);
    expect(answer.groups[1].topics).toMatchObject([{ name: "t", partitions: [{ committedOffset: 40 }] }]);
  });

  it("an id of no topic gets its error, a deleted topic isn't shown by id", async () => {
    const server = new GroupServer();
    await server.commit(2, { groupId: "g", topics: [{ name: "t", partitions: [partition(0)] }] });
    const unknown = { topicId: "BBBBBBBBBBBBBBBBBBBBBA", partitionIndexes: [0, 1] };
    const ask = async (topics: object[] | null) =>
      (await server.fetch(10, { groups: [{ groupId: "g", topics }] })).groups[0].topics;
    expect((await ask([unknown]))[0].partitions.map((one) => one.errorCode)).toEqual([100, 100]);
    server.world.topics.delete("t");
    expect(await ask(null)).toEqual([]);
    const byName = await server.fetch(9, { groups: [{ groupId: "g", topics: null }] });
    expect(byName.groups[0].topics[0]).toMatchObject({ name: "t" });
    // The same name again, another topic.
    server.world.topics.set("t", { topicId: "CCCCCCCCCCCCCCCCCCCCCA", partitions: 1 });
    const again = await server.fetch(5, { groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] });
    expect(again.topics[0].partitions[0].committedOffset).toBe(-1);
  });

  it("where there is no coordinator, every version says so", async () => {
    const server = new GroupServer();
    server.world.offsetsPartitions = 0;
    const topics = [{ name: "t", partitionIndexes: [0] }];
    const first = await server.fetch(1, { groupId: "g", topics });
    expect(first.topics[0].partitions[0].errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect((await server.fetch(5, { groupId: "g", topics })).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    const many = await server.fetch(9, { groups: [{ groupId: "g", topics }] });
    expect(many.groups[0]).toMatchObject({ errorCode: ErrorCode.NOT_COORDINATOR, topics: [] });
    const committed = await server.commit(8, { groupId: "g", topics: [{ name: "t", partitions: [partition(0)] }] });
    expect(committed.topics[0].partitions[0].errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });
});
