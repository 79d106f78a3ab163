import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { ShareFetchRequest, ShareFetchResponse } from "#protocol/messages/78-share-fetch.ts";
import {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from "#protocol/messages/87-read-share-group-state-summary.ts";
import { AcknowledgeType } from "#share/record-state.ts";
import { batchOf, CoreCluster, type TestClient } from "../../doubles/core-cluster.ts";
import { settle } from "../../doubles/manual-time.ts";
import { createTopic, produce } from "../requests.ts";
import { configure, initialize, ShareMember, summary } from "./client.ts";

const { ACCEPT, RELEASE, REJECT, RENEW } = AcknowledgeType;

async function open(configs: Record<string, string> = {}) {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  const topicId = await createTopic(client, "t");
  await configure(client, { "share.auto.offset.reset": "earliest", ...configs });
  await initialize(client, topicId);
  await produce(client, "t", batchOf(["a", "b", "c"]));
  const member = (memberId: string) => new ShareMember(cluster.connect(), topicId, memberId);
  return { cluster, client, topicId, member };
}

function said(first: number, last: number, ...types: number[]) {
  return [{ first, last, types }];
}

async function summaryOf(client: TestClient, topicId: string) {
  const topics = [{ topicId, partitions: [{ partition: 0, leaderEpoch: 0 }] }];
  const request = { groupId: "g", topics };
  const response = await client.call(ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse, 1, request);
  return response.results[0].partitions[0];
}

describe("share fetch", () => {
  it("gives records to one member, and after their acknowledgement to nobody", async () => {
    const { cluster, client, topicId, member } = await open();
    const [one, other] = [member("one"), member("other")];
    expect(await one.fetch()).toMatchObject({ acquired: "0-2x1", values: ["a", "b", "c"] });
    expect(await other.fetch()).toMatchObject({ acquired: "" });
    expect(await other.fetch(said(0, 1, ACCEPT))).toMatchObject({ acknowledged: ErrorCode.INVALID_RECORD_STATE });
    expect(await one.fetch(said(0, 2, ACCEPT, RELEASE, ACCEPT))).toMatchObject({ acknowledged: 0 });
    expect(await one.fetch()).toMatchObject({ acquired: "1-1x2" });
    expect(await one.acknowledge(said(1, 1, ACCEPT))).toBe(0);
    expect(await summaryOf(client, topicId)).toMatchObject({ startOffset: 1, deliveryCompleteCount: 2 });
    await cluster.crash(1);
    const later = new ShareMember(cluster.connect(), topicId, "one");
    await produce(cluster.connect(), "t", batchOf(["d"]));
    expect(await later.fetch()).toMatchObject({ acquired: "3-3x1", values: ["d"] });
  });

  it("delivers again after a crash what nobody acknowledged, with its count", async () => {
    const { cluster, topicId, member } = await open();
    const one = member("one");
    await one.fetch();
    await one.acknowledge(said(0, 0, RELEASE));
    await one.acknowledge(said(2, 2, REJECT));
    await cluster.crash(1);
    expect(await new ShareMember(cluster.connect(), topicId, "two").fetch()).toMatchObject({ acquired: "0-0x2 1-1x1" });
  });

  it("waits for records, and for those that others release", async () => {
    const { cluster, client, member } = await open();
    const [one, other] = [member("one"), member("other")];
    await one.fetch();
    await other.fetch();
    other.client.send(ShareFetchRequest, 2, other.draft([], { maxWaitMs: 10_000 }));
    await settle();
    await one.acknowledge(said(1, 2, RELEASE));
    expect(summary(await other.client.receive(ShareFetchResponse, 2))).toMatchObject({ acquired: "1-2x2" });
    other.epoch += 1;
    other.client.send(ShareFetchRequest, 2, other.draft([], { maxWaitMs: 10_000 }));
    await settle();
    await produce(client, "t", batchOf(["d"]));
    expect(summary(await other.client.receive(ShareFetchResponse, 2))).toMatchObject({ acquired: "3-3x1" });
    other.epoch += 1;
    other.client.send(ShareFetchRequest, 2, other.draft([], { maxWaitMs: 10_000 }));
    await settle();
    await cluster.time.advance(10_000);
    expect(summary(await other.client.receive(ShareFetchResponse, 2))).toMatchObject({ acquired: "" });
  });

  it("gives records to others when their time is over, unless they are renewed", async () => {
    const { cluster, member } = await open({ "share.record.lock.duration.ms": "15000" });
    const [one, other] = [member("one"), member("other")];
    await one.fetch();
    await other.fetch();
    await cluster.time.advance(10_000);
    const nothing = { maxBytes: 0, minBytes: 0, maxRecords: 0, isRenewAck: true };
    expect(await one.fetch(said(1, 1, RENEW), nothing)).toMatchObject({ acknowledged: 0 });
    await cluster.time.advance(5_000);
    expect(await other.fetch()).toMatchObject({ acquired: "0-0x2 2-2x2" });
    expect(await one.acknowledge(said(0, 0, ACCEPT))).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(await one.acknowledge(said(1, 1, ACCEPT))).toBe(0);
  });

  it("releases what a member holds when its session ends or its connection does", async () => {
    const { member } = await open();
    const [one, two, three] = [member("one"), member("two"), member("three")];
    await three.fetch([], { maxRecords: 0 });
    await one.fetch();
    one.epoch = -1;
    expect(await one.acknowledge(said(0, 0, ACCEPT))).toBe(0);
    await settle();
    expect(await two.fetch()).toMatchObject({ acquired: "1-2x2" });
    two.client.connection.end();
    await settle();
    expect(await three.fetch()).toMatchObject({ acquired: "1-2x3" });
  });

  it("takes requests of a session in their order only", async () => {
    const { member } = await open();
    const one = member("one");
    one.epoch = 5;
    expect((await one.fetchWhole()).errorCode).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    expect(await one.acknowledge(said(0, 0, ACCEPT))).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    one.epoch = 0;
    expect(await one.acknowledge(said(0, 0, ACCEPT))).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    expect((await one.fetchWhole(said(0, 0, ACCEPT))).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    await one.fetch();
    one.epoch = 7;
    expect((await one.fetchWhole()).errorCode).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    one.epoch = 1;
    expect(await one.acknowledge(said(0, 0, ACCEPT))).toBe(0);
    expect((await one.fetchWhole([], { memberId: "" })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect((await one.fetchWhole([], { groupId: null })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect((await one.fetchWhole([], { isRenewAck: true })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  it("says what can't be had", async () => {
    const { cluster, member, topicId } = await open();
    const one = member("one");
    const topics = [
      { topicId: "abcdefghijklmnopqrstuA", partitions: [{ partitionIndex: 0 }] },
      { topicId, partitions: [{ partitionIndex: 9 }] },
    ];
    const { responses } = await one.fetchWhole([], { topics });
    expect(responses.map(({ partitions }) => partitions[0].errorCode)).toEqual([
      ErrorCode.UNKNOWN_TOPIC_ID,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    const stranger = new ShareMember(cluster.connect(), topicId, "stranger");
    const { responses: refused } = await stranger.fetchWhole([], { groupId: "never-initialised" });
    expect(refused[0].partitions[0].errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
  });

  it("fences a share partition whose state has begun anew", async () => {
    const { client, topicId, member } = await open();
    const one = member("one");
    await one.fetch();
    await initialize(client, topicId, 1, 2);
    expect(await one.acknowledge(said(0, 0, ACCEPT))).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(await one.fetch()).toMatchObject({ acquired: "1-2x1" });
  });

  it("has its coordinator found", async () => {
    const { client, topicId } = await open();
    const find = async (version: number, key: string) => {
      const draft = { key, keyType: 2, coordinatorKeys: [key] };
      const response = await client.call(FindCoordinatorRequest, FindCoordinatorResponse, version, draft);
      return version < 4 ? response.errorCode : response.coordinators[0].errorCode;
    };
    expect(await find(6, `g:${topicId}:0`)).toBe(ErrorCode.NONE);
    expect(await find(5, `g:${topicId}:0`)).toBe(ErrorCode.INVALID_REQUEST);
    expect(await find(6, "g")).toBe(ErrorCode.INVALID_REQUEST);
  });
});
