import { describe, expect, it } from "vitest";
import { FetchSession, type FetchTarget } from "#client/consumer/fetch-session.ts";
import { ErrorCode } from "#protocol/errors.ts";

const TOPIC = "AAAAAAAAAAAAAAAAAAAAAQ";
const OTHER = "AAAAAAAAAAAAAAAAAAAAAg";

function target(partition: number, fetchOffset = 0, topicId = TOPIC): FetchTarget {
  return { topicId, partition, fetchOffset, currentLeaderEpoch: 0, partitionMaxBytes: 100 };
}

describe("FetchSession", () => {
  it("names all at first, and then what changed, came and went", () => {
    const session = new FetchSession();
    expect(session.next([target(0), target(1), target(0, 0, OTHER)])).toEqual({
      sessionId: 0,
      sessionEpoch: 0,
      topics: [
        { topicId: TOPIC, partitions: [target(0), target(1)] },
        { topicId: OTHER, partitions: [target(0, 0, OTHER)] },
      ],
      forgottenTopicsData: [],
    });
    expect(session.answered(ErrorCode.NONE, 77)).toBe(true);
    expect(session.next([target(0, 5), target(1), target(2)])).toEqual({
      sessionId: 77,
      sessionEpoch: 1,
      topics: [{ topicId: TOPIC, partitions: [target(0, 5), target(2)] }],
      forgottenTopicsData: [{ topicId: OTHER, partitions: [0] }],
    });
    session.answered(ErrorCode.NONE, 77);
    expect(session.next([target(0, 5), target(1), target(2)])).toMatchObject({ sessionEpoch: 2, topics: [] });
  });

  it("begins anew when the broker has forgotten it, gave none, or an answer was lost", () => {
    for (const end of [
      (session: FetchSession) => session.answered(ErrorCode.FETCH_SESSION_ID_NOT_FOUND, 0),
      (session: FetchSession) => session.answered(ErrorCode.INVALID_FETCH_SESSION_EPOCH, 77),
      (session: FetchSession) => session.answered(ErrorCode.NONE, 0),
      (session: FetchSession) => session.lost(),
    ]) {
      const session = new FetchSession();
      session.next([target(0)]);
      session.answered(ErrorCode.NONE, 77);
      session.next([target(0)]);
      end(session);
      expect(session.next([target(0)])).toMatchObject({
        sessionId: 0,
        sessionEpoch: 0,
        topics: [{ partitions: [target(0)] }],
      });
    }
  });

  it("ends with epoch -1, if there is one", () => {
    const session = new FetchSession();
    expect(session.close()).toBe(null);
    session.next([target(0)]);
    session.answered(ErrorCode.NONE, 77);
    expect(session.close()).toMatchObject({ sessionId: 77, sessionEpoch: -1, topics: [] });
  });
});
