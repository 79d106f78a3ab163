import { describe, expect, it } from "vitest";
import { Client } from "#client/client.ts";
import { TopicBook } from "#client/topic-book.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import type { Draft } from "#protocol/schema.ts";
import { ManualTime } from "../doubles/manual-time.ts";
import { compression, noRandom } from "../doubles/rest-cluster.ts";
import { ScriptedBrokers } from "../doubles/scripted-brokers.ts";

const [FIRST_ID, SECOND_ID] = ["AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg"];

type TopicDraft = NonNullable<Draft<MetadataResponse>["topics"]>[number];

function topic(leaderId: number, leaderEpoch: number, topicId = FIRST_ID): TopicDraft {
  return { name: "t", topicId, partitions: [{ partitionIndex: 0, leaderId, leaderEpoch }] };
}

/** A book whose cluster answers with the topics of the moment; nothing happens but by `time.advance`. */
function world(first: readonly TopicDraft[], isHeld: (name: string) => boolean = () => false) {
  const time = new ManualTime(0);
  const now = { topics: first, changes: 0 };
  const brokers = new ScriptedBrokers().on(ApiKey.Metadata, () => ({
    brokers: [{ nodeId: 1, host: "h", port: 1 }],
    topics: now.topics,
  }));
  const client = new Client(
    { transport: brokers, clock: time, timers: time, random: noRandom, ...compression },
    { clientId: "test" },
  );
  const book = new TopicBook(client, {
    maxAgeMs: 60_000,
    backoff: { firstMs: 100, maxMs: 1_000 },
    requestTimeoutMs: 30_000,
    lane: "book",
    mayCreate: false,
    isHeld,
    onChange: () => {
      now.changes++;
    },
  });
  const asked = () => brokers.bodies<MetadataRequest>(ApiKey.Metadata);
  return { time, now, brokers, book, asked };
}

describe("TopicBook", () => {
  it("asks at once for a topic that it doesn't know, and again when it is old", async () => {
    const { time, book, asked } = world([topic(1, 0)]);
    book.track("t");
    await time.advance(1);
    expect(book.partition("t", 0)).toMatchObject({ leaderId: 1 });
    await time.advance(59_000);
    expect(asked()).toHaveLength(1);
    await time.advance(2_000);
    expect(asked()).toHaveLength(2);
    book.close();
    await time.advance(200_000);
    expect(asked()).toHaveLength(2);
  });

  it("asks ever more seldom for what doesn't come, however often it is told to", async () => {
    const { time, book, asked } = world([{ name: "t", errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }]);
    book.track("t");
    for (let step = 0; step < 1_000; step++) {
      book.refresh();
      await time.advance(10);
    }
    expect(book.error("t")).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(asked().length).toBeGreaterThan(8);
    expect(asked().length).toBeLessThan(20);
    book.close();
  });

  it("goes on asking when no answer comes, and tells of each failure", async () => {
    const { time, now, brokers, book, asked } = world([topic(1, 0)]);
    const answer = brokers.scripts.get(ApiKey.Metadata);
    brokers.on(ApiKey.Metadata, () => {
      throw new Error("lost");
    });
    book.track("t");
    await time.advance(5_000);
    expect(asked().length).toBeGreaterThan(4);
    expect(now.changes).toBe(asked().length);
    if (answer !== undefined) brokers.on(ApiKey.Metadata, answer);
    await time.advance(1_500);
    expect(book.topic("t")).toBeDefined();
    book.close();
  });

  it("believes a leader's epoch, whoever tells of it, and no older one", async () => {
    const { time, now, book } = world([topic(1, 5)]);
    book.track("t");
    await time.advance(1);
    expect(book.hintLeader("t", 0, { leaderId: 2, leaderEpoch: 5 }, [])).toBe(false);
    expect(book.hintLeader("t", 0, { leaderId: 2, leaderEpoch: 6 }, [])).toBe(true);
    book.refresh();
    await time.advance(200);
    expect(book.partition("t", 0)).toMatchObject({ leaderId: 2, leaderEpoch: 6 });
    now.topics = [topic(3, 7)];
    book.refresh();
    await time.advance(200);
    expect(book.partition("t", 0)).toMatchObject({ leaderId: 3, leaderEpoch: 7 });
    book.close();
  });

  it("knows a topic that was deleted and made again as another one, epochs and all", async () => {
    const { time, now, book } = world([topic(1, 5)]);
    book.track("t");
    await time.advance(1);
    now.topics = [topic(2, 0, SECOND_ID)];
    book.refresh();
    await time.advance(200);
    expect(book.topic("t")).toMatchObject({ topicId: SECOND_ID, partitions: [{ leaderId: 2, leaderEpoch: 0 }] });
    expect(book.topicById(FIRST_ID)).toBeUndefined();
    now.topics = [{ name: "t", errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }];
    book.refresh();
    await time.advance(200);
    expect(book.topic("t")).toBeUndefined();
    book.close();
  });

  it("finds names by ids, and follows all topics where a pattern needs them", async () => {
    const { time, now, book, asked } = world([topic(1, 0)]);
    book.trackId(FIRST_ID);
    await time.advance(1_000);
    expect(asked()[0].topics).toEqual([{ topicId: FIRST_ID, name: null }]);
    expect(book.topicById(FIRST_ID)?.name).toBe("t");
    book.trackAll(true);
    await time.advance(1_000);
    expect(asked().at(-1)?.topics).toBe(null);
    now.topics = [];
    book.refresh();
    await time.advance(1_000);
    expect([...book.topics()]).toEqual([]);
    book.close();
  });

  it("forgets what nobody has asked for in five minutes, or it would bring back what was deleted", async () => {
    const { time, now, book, asked } = world([topic(1, 0)]);
    book.track("t");
    for (let minute = 0; minute < 7; minute++) {
      await time.advance(60_000);
      book.track("t");
    }
    expect(asked().length).toBeGreaterThan(6);
    expect(asked().every(({ topics }) => topics?.length === 1)).toBe(true);
    now.topics = [];
    await time.advance(200_000);
    const before = asked().length;
    await time.advance(300_000);
    expect(asked().length).toBeGreaterThan(before);
    expect(asked().at(-1)?.topics).toEqual([]);
    expect(book.error("t")).toBe(ErrorCode.NONE);
    now.topics = [topic(1, 0)];
    book.track("t");
    await time.advance(1);
    expect(book.partition("t", 0)).toMatchObject({ leaderId: 1 });
    book.close();
  });

  it.each(["held", "waited for", "written to"])("keeps a topic that is %s", async (how) => {
    const known = how === "waited for" ? [] : [topic(1, 0)];
    const { time, book, asked } = world(known, (name) => how === "held" && name === "t");
    book.track("t");
    for (let minute = 0; minute < 15; minute++) {
      await time.advance(60_000);
      if (how === "waited for") book.error("t");
      if (how === "written to") book.partition("t", 0);
    }
    expect(asked().at(-1)?.topics).toMatchObject([{ name: "t" }]);
    book.close();
  });
});
