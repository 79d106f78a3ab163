import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { MAX_SHARE_SESSION_PARTITIONS, type SharePartitionName, ShareSessions } from "#share/sessions.ts";

const GROUP = "g";

function names(topicId: string, count: number): SharePartitionName[] {
  return Array.from({ length: count }, (_, partitionIndex) => ({ topicId, partitionIndex }));
}

function request(memberId: string, epoch: number, more: object = {}) {
  return { groupId: GROUP, memberId, epoch, added: [], forgotten: [], hasAcknowledgements: false, ...more };
}

describe("share sessions", () => {
  it("let one request after the other", () => {
    const sessions = new ShareSessions();
    expect(sessions.open(request("m", 1)).errorCode).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    expect(sessions.open(request("m", 0, { hasAcknowledgements: true })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(sessions.open(request("m", 0, { added: names("t", 2) })).targets).toHaveLength(2);
    expect(sessions.open(request("m", 2)).errorCode).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    expect(sessions.open(request("m", 1)).targets).toHaveLength(2);
    expect(sessions.acknowledge({ groupId: GROUP, memberId: "m" }, 1)).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    expect(sessions.acknowledge({ groupId: GROUP, memberId: "m" }, 2)).toBe(ErrorCode.NONE);
    expect(sessions.open(request("m", 3, { forgotten: names("t", 1) })).targets).toHaveLength(1);
    expect(sessions.open(request("m", -1)).isFinal).toBe(true);
    expect(sessions.close({ groupId: GROUP, memberId: "m" })).toHaveLength(1);
    expect(sessions.size).toBe(0);
  });

  it("tell once what is new, and always what has something to tell", () => {
    const sessions = new ShareSessions();
    sessions.open(request("m", 0, { added: names("t", 2) }));
    const quiet = { errorCode: 0, sizeInBytes: 0 };
    const broken = { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, sizeInBytes: 0 };
    expect(sessions.open(request("m", 1)).select([quiet, quiet])).toEqual([false, false]);
    expect(sessions.open(request("m", 2)).select([broken, quiet])).toEqual([true, false]);
    // That it isn't broken any more.
    expect(sessions.open(request("m", 3)).select([quiet, quiet])).toEqual([true, false]);
    const served = sessions.open(request("m", 4));
    expect(served.select([{ errorCode: 0, sizeInBytes: 5 }, quiet])).toEqual([true, false]);
    const after = sessions.open(request("m", 5));
    expect(after.targets.map(({ partitionIndex }) => partitionIndex)).toEqual([1, 0]);
    // An answer that was overtaken belongs to no epoch.
    sessions.open(request("m", 6));
    expect(after.select([quiet, quiet])).toBeNull();
  });

  it("are limited, in number and in partitions", () => {
    const sessions = new ShareSessions(2);
    for (const memberId of ["a", "b"]) sessions.open(request(memberId, 0));
    expect(sessions.open(request("c", 0)).errorCode).toBe(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
    expect(sessions.open(request("a", 0)).errorCode).toBe(ErrorCode.NONE);
    expect(sessions.countOf(GROUP)).toBe(2);
    const most = names("t", MAX_SHARE_SESSION_PARTITIONS);
    expect(sessions.open(request("a", 1, { added: most })).errorCode).toBe(ErrorCode.NONE);
    expect(sessions.open(request("b", 1, { added: names("u", 1) })).errorCode).toBe(
      ErrorCode.SHARE_SESSION_LIMIT_REACHED,
    );
    expect(sessions.has({ groupId: GROUP, memberId: "b" })).toBe(false);
    sessions.close({ groupId: GROUP, memberId: "a" });
    expect(sessions.open(request("b", 0, { added: most })).errorCode).toBe(ErrorCode.NONE);
  });

  it("keep members apart whose names run together", () => {
    const sessions = new ShareSessions();
    sessions.open({ ...request("c", 0), groupId: "a b" });
    expect(sessions.has({ groupId: "a", memberId: "b c" })).toBe(false);
  });
});
