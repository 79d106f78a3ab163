/** An object store that is slow, or doesn't answer at all: no client waits for it beyond its patience, and nothing is read for one that has gone. */
import { describe, expect, it } from "vitest";
import { TIERED_SEARCH_WAIT_MS, TIERED_WAIT_MS } from "#log/tiering/limits.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { ShareFetchRequest, ShareFetchResponse } from "#protocol/messages/78-share-fetch.ts";
import { batchOf, type TestClient } from "../doubles/core-cluster.ts";
import { fetchDraft, produce, V } from "./requests.ts";
import { configure, initialize, ShareMember, summary } from "./share/client.ts";
import { HOUR_MS, StorageWorld } from "./storage-world.ts";

const TIERED = { "remote.storage.enable": "true", "local.retention.ms": "1000" };
const SHARE_VERSION = 2;

/** Topic "t" with four segments in objects, and "other" with one record that is at hand. */
async function open() {
  const world = await StorageWorld.open(TIERED);
  await world.create("other", {});
  await produce(world.client, "other", batchOf(["a"]));
  await world.fill(9);
  await world.pass(HOUR_MS);
  world.objects.reads.length = 0;
  const { time } = world.cluster;
  /** Each call takes so long. */
  const slow = (ms: number) => {
    world.objects.beforeCall = () => new Promise((resolve) => time.set(resolve, ms));
  };
  const topicId = world.cluster.broker(1).cluster.topicByName("t")?.topicId ?? "";
  return { world, time, slow, topicId };
}

/** Tells when there is an answer, which there is none to a client that goes. */
function answered<T>(receiving: Promise<T>) {
  const state: { answer: T | null } = { answer: null };
  receiving.then(
    (answer) => {
      state.answer = answer;
    },
    () => undefined,
  );
  return state;
}

function sendFetch(client: TestClient, names: readonly string[]) {
  const topics = names.map((name) => fetchDraft(name, 0).topics[0]);
  client.send(FetchRequest, V.fetch, { ...fetchDraft("t", 0, { maxWaitMs: 500 }), topics });
  return answered(client.receive(FetchResponse, V.fetch));
}

describe("a Fetch that the object store keeps waiting", () => {
  it("is answered in time with what is at hand, and the next one gets what was read meanwhile", async () => {
    const { world, time, slow } = await open();
    slow(10_000);
    const first = sendFetch(world.client, ["t", "other"]);
    await time.advance(TIERED_WAIT_MS - 1);
    expect(first.answer).toBeNull();
    await time.advance(1);
    const told = first.answer?.responses.map(({ topic, partitions: [one] }) => {
      return [topic, one.errorCode, one.highWatermark, (one.records?.length ?? 0) > 0];
    });
    expect(told).toEqual([
      ["t", ErrorCode.NONE, 9, false],
      ["other", ErrorCode.NONE, 1, true],
    ]);
    const second = sendFetch(world.client, ["t"]);
    await time.advance(5_000);
    expect(second.answer?.responses[0].partitions[0].records?.length).toBeGreaterThan(400_000);
    expect(new Set(world.objects.reads).size).toBe(world.objects.reads.length);
  });

  it("is answered in time also where it would wait longer for records", async () => {
    const { world, time } = await open();
    world.objects.beforeCall = () => new Promise(() => {});
    const topics = [fetchDraft("t", 0).topics[0]];
    const draft = { ...fetchDraft("t", 0, { maxWaitMs: 20_000, minBytes: 1 << 20 }), topics };
    world.client.send(FetchRequest, V.fetch, draft);
    const fetch = answered(world.client.receive(FetchResponse, V.fetch));
    await time.advance(TIERED_WAIT_MS);
    expect(fetch.answer?.responses[0].partitions[0].errorCode).toBe(ErrorCode.NONE);
  });
});

describe("a search by time that the object store keeps waiting", () => {
  const ask = (client: TestClient, timeoutMs: number) => {
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: 0 }];
    const topics = ["t", "other"].map((name) => ({ name, partitions }));
    client.send(ListOffsetsRequest, V.listOffsets, { replicaId: -1, topics, timeoutMs });
    return answered(client.receive(ListOffsetsResponse, V.listOffsets));
  };
  const codesOf = ({ topics }: ListOffsetsResponse) => topics.map(({ partitions }) => partitions[0].errorCode);

  it.each([
    ["its own limit", 0, TIERED_SEARCH_WAIT_MS],
    ["the request's", 5_000, 5_000],
    ["the request's, which is longer", 30_000, 30_000],
  ])("says so after %s, and what is found elsewhere", async (_, timeoutMs, waitMs) => {
    const { world, time, slow } = await open();
    slow(20_000);
    const search = ask(world.client, timeoutMs);
    await time.advance(waitMs - 1);
    expect(search.answer).toBeNull();
    await time.advance(1);
    expect(search.answer === null ? null : codesOf(search.answer)).toEqual([
      ErrorCode.REQUEST_TIMED_OUT,
      ErrorCode.NONE,
    ]);
    slow(0);
    await time.advance(30_000);
    const again = ask(world.client, 0);
    await time.advance(1_000);
    expect(again.answer === null ? null : codesOf(again.answer)).toEqual([ErrorCode.NONE, ErrorCode.NONE]);
  });

  it("isn't made for a client that has gone", async () => {
    const { world, time, slow } = await open();
    slow(10_000);
    ask(world.client, 0);
    await time.advance(1);
    world.client.connection.end();
    await time.advance(60_000);
    // The indexes of the first segment: it was at them when the client went.
    expect(world.objects.reads).toHaveLength(1);
  });
});

describe("a ShareFetch that the object store keeps waiting", () => {
  async function openGroup() {
    const opened = await open();
    const { client } = opened.world;
    await configure(client, { "share.auto.offset.reset": "earliest" });
    await initialize(client, opened.topicId);
    let members = 0;
    const send = (client: TestClient) => {
      const member = new ShareMember(client, opened.topicId, `m${members++}`);
      client.send(ShareFetchRequest, SHARE_VERSION, member.draft());
      return answered(client.receive(ShareFetchResponse, SHARE_VERSION));
    };
    return { ...opened, send };
  }

  it("is answered in time without records, and the next one gets them", async () => {
    const { world, time, slow, send } = await openGroup();
    slow(10_000);
    const first = send(world.cluster.connect());
    await time.advance(TIERED_WAIT_MS - 1);
    expect(first.answer).toBeNull();
    await time.advance(1);
    expect(first.answer).toMatchObject({ errorCode: ErrorCode.NONE });
    expect(first.answer === null ? null : summary(first.answer)).toMatchObject({ errorCode: 0, acquired: "" });
    const second = send(world.cluster.connect());
    await time.advance(5_000);
    expect(second.answer === null ? null : summary(second.answer).acquired).toBe("0-1x1");
  });

  it("reads nothing more for a client that has gone, which holds nothing then", async () => {
    const { world, time, slow, send } = await openGroup();
    slow(5_000);
    const gone = world.cluster.connect();
    send(gone);
    await time.advance(1);
    gone.connection.end();
    await time.advance(60_000);
    expect(world.objects.reads).toHaveLength(1);
    slow(0);
    const other = send(world.cluster.connect());
    await time.advance(1);
    expect(other.answer === null ? null : summary(other.answer).acquired).toBe("0-1x1");
  });

  it("leaves the records to others when its client goes while the last of them are read", async () => {
    const { world, time, slow, send, topicId } = await openGroup();
    const other = new ShareMember(world.cluster.connect(), topicId, "other");
    await other.fetchWhole([], { topics: [] });
    slow(5_000);
    const gone = world.cluster.connect();
    send(gone);
    await time.advance(5_001);
    gone.connection.end();
    await time.advance(5_000);
    slow(0);
    expect((await other.fetch()).acquired).toBe("0-1x1");
  });
});
