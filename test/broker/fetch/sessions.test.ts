import { describe, expect, it } from "vitest";
import {
  type FetchedPartition,
  FetchSessions,
  type FetchTarget,
  MAX_FETCH_SESSIONS,
  MAX_SESSION_PARTITIONS,
} from "#broker/fetch/sessions.ts";
import { ErrorCode } from "#protocol/errors.ts";

let drawn = 0;
const random = { uuid: () => "", below: () => drawn++ };

function target(partitionIndex: number, fetchOffset = 0): FetchTarget {
  return { topic: "t", partitionIndex, fetchOffset, maxBytes: 1000, currentLeaderEpoch: -1, lastFetchedEpoch: -1 };
}

function result(sizeInBytes: number, highWatermark = 10, errorCode = 0): FetchedPartition {
  return { errorCode, highWatermark, logStartOffset: 0, sizeInBytes };
}

function request(sessionId: number, sessionEpoch: number, targets: FetchTarget[] = [], nowMs = 0) {
  return { sessionId, sessionEpoch, byTopicId: false, targets, forgotten: [], nowMs };
}

describe("fetch sessions", () => {
  it("makes a session of a full fetch and then answers only what changed", () => {
    const sessions = new FetchSessions(random);
    const full = sessions.open(request(0, 0, [target(0), target(1)]));
    const { sessionId, included } = full.select([result(0), result(0)]);
    expect(sessionId).not.toBe(0);
    expect(included).toEqual([true, true]);

    const quiet = sessions.open(request(sessionId, 1));
    expect(quiet.targets.map((t) => t.partitionIndex)).toEqual([0, 1]);
    expect(quiet.select([result(0), result(0)]).included).toEqual([false, false]);

    const moved = sessions.open(request(sessionId, 2, [target(1, 5)]));
    expect(moved.targets[1].fetchOffset).toBe(5);
    expect(moved.select([result(0, 11), result(7)]).included).toEqual([true, true]);
  });

  it("moves a partition that was served behind the others", () => {
    const sessions = new FetchSessions(random);
    const { sessionId } = sessions.open(request(0, 0, [target(0), target(1)])).select([result(0), result(0)]);
    sessions.open(request(sessionId, 1)).select([result(9), result(0)]);
    expect(sessions.open(request(sessionId, 2)).targets.map((t) => t.partitionIndex)).toEqual([1, 0]);
  });

  it("tells a partition again once its error is gone", () => {
    const sessions = new FetchSessions(random);
    const { sessionId } = sessions.open(request(0, 0, [target(0)])).select([result(0)]);
    const failing = { ...result(0), errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
    expect(sessions.open(request(sessionId, 1)).select([failing]).included).toEqual([true]);
    expect(sessions.open(request(sessionId, 2)).select([result(0)]).included).toEqual([true]);
    expect(sessions.open(request(sessionId, 3)).select([result(0)]).included).toEqual([false]);
  });

  it("forgets partitions and adds new ones", () => {
    const sessions = new FetchSessions(random);
    const { sessionId } = sessions.open(request(0, 0, [target(0), target(1)])).select([result(0), result(0)]);
    const next = sessions.open({
      ...request(sessionId, 1, [target(2)]),
      forgotten: [{ topic: "t", partitionIndex: 0 }],
    });
    expect(next.targets.map((t) => t.partitionIndex)).toEqual([1, 2]);
    expect(next.select([result(0), result(0)]).included).toEqual([false, true]);
  });

  it("refuses unknown sessions, wrong epochs and a change between names and ids", () => {
    const sessions = new FetchSessions(random);
    expect(sessions.open(request(77, 1)).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    const { sessionId } = sessions.open(request(0, 0, [target(0)])).select([result(0)]);
    expect(sessions.open(request(sessionId, 2)).errorCode).toBe(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    const byId = { ...request(sessionId, 1), byTopicId: true };
    expect(sessions.open(byId).errorCode).toBe(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
  });

  it("closes a session by a full request, and keeps none for the final epoch", () => {
    const sessions = new FetchSessions(random);
    const { sessionId } = sessions.open(request(0, 0, [target(0)])).select([result(0)]);
    const final = sessions.open(request(sessionId, -1, [target(0)]));
    expect(final.select([result(0)])).toEqual({ sessionId: 0, included: [true] });
    expect(sessions.size).toBe(0);
  });

  it("ends a session that has nothing left to fetch", () => {
    const sessions = new FetchSessions(random);
    const { sessionId } = sessions.open(request(0, 0, [target(0)])).select([result(0)]);
    const empty = sessions.open({ ...request(sessionId, 1), forgotten: [{ topic: "t", partitionIndex: 0 }] });
    expect(empty.select([])).toEqual({ sessionId: 0, included: [] });
    expect(sessions.size).toBe(0);
  });

  it("remembers a bounded number of partitions over all sessions", () => {
    const sessions = new FetchSessions(random);
    const many = Array.from({ length: MAX_SESSION_PARTITIONS / 2 }, (_, i) => target(i));
    const open = (nowMs: number) =>
      sessions.open(request(0, 0, many, nowMs)).select(many.map(() => result(0))).sessionId;
    const first = open(0);
    expect(open(0)).not.toBe(0);
    expect(open(1)).toBe(0);
    const grown = sessions.open({ ...request(first, 1, [target(999_999)]) });
    expect(grown.errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    expect(open(1)).not.toBe(0);
  });

  it("answers without a session when all slots are taken by sessions in use, and takes the slot of a stale one", () => {
    const sessions = new FetchSessions(random);
    for (let i = 0; i < MAX_FETCH_SESSIONS; i++) sessions.open(request(0, 0, [target(0)])).select([result(0)]);
    expect(sessions.open(request(0, 0, [target(0)], 1_000)).select([result(0)]).sessionId).toBe(0);
    expect(sessions.open(request(0, 0, [target(0)], 200_000)).select([result(0)]).sessionId).not.toBe(0);
    expect(sessions.size).toBe(MAX_FETCH_SESSIONS);
  });
});
