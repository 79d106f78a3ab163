import { describe, expect, it } from "vitest";
import { findCoordinator } from "#broker/handlers/10-find-coordinator.ts";
import { joinGroup } from "#broker/handlers/11-join-group.ts";
import { heartbeat } from "#broker/handlers/12-heartbeat.ts";
import { leaveGroup } from "#broker/handlers/13-leave-group.ts";
import { syncGroup } from "#broker/handlers/14-sync-group.ts";
import { describeGroups } from "#broker/handlers/15-describe-groups.ts";
import { listGroups } from "#broker/handlers/16-list-groups.ts";
import { deleteGroups } from "#broker/handlers/42-delete-groups.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { HeartbeatRequest } from "#protocol/messages/12-heartbeat.ts";
import type { Draft } from "#protocol/schema.ts";
import { settle } from "../doubles/manual-time.ts";
import { GroupServer, JOIN, versions } from "../group/group-server.ts";

describe("every version of the classic protocol", () => {
  for (const version of versions(joinGroup)) {
    it(`JoinGroup ${version}`, async () => {
      const server = new GroupServer();
      let joining = server.join(version, JOIN);
      await settle();
      if (version >= 4) {
        const { errorCode, memberId, generationId } = await joining;
        expect([errorCode, generationId]).toEqual([ErrorCode.MEMBER_ID_REQUIRED, -1]);
        joining = server.join(version, { ...JOIN, memberId });
      }
      await server.world.time.advance(0);
      const answer = await joining;
      expect(answer).toMatchObject({
        errorCode: 0,
        generationId: 1,
        protocolType: version >= 7 ? "consumer" : null,
        protocolName: "range",
        leader: answer.memberId,
        skipAssignment: false,
      });
      expect(answer.memberId).toMatch(/^client-/);
      expect(answer.members.map((member) => [member.memberId, new TextDecoder().decode(member.metadata)])).toEqual([
        [answer.memberId, "meta"],
      ]);
      const refused = await server.join(version, { ...JOIN, sessionTimeoutMs: 1 });
      expect([refused.errorCode, refused.protocolName]).toEqual([
        ErrorCode.INVALID_SESSION_TIMEOUT,
        version >= 7 ? null : "",
      ]);
    });
  }

  it("JoinGroup 0 has no rebalance timeout: the session timeout stands in", async () => {
    const server = new GroupServer();
    await server.member();
    const second = server.join(0, { ...JOIN, sessionTimeoutMs: 7_000 });
    const { members } = (await server.groups.describeGroup("g")).value ?? { members: [] };
    expect(members.length).toBe(2);
    // The longest of both, 10 s, and not the -1 that the message says.
    await server.world.time.advance(9_999);
    expect((await server.groups.describeGroup("g")).value?.groupState).toBe("PreparingRebalance");
    await server.world.time.advance(1);
    expect((await second).generationId).toBe(2);
  });

  for (const version of versions(syncGroup)) {
    it(`SyncGroup ${version}`, async () => {
      const server = new GroupServer();
      const member = await server.member();
      const protocol = version >= 5 ? { protocolType: "consumer", protocolName: "range" } : {};
      const answer = await server.sync(version, { groupId: "g", ...member, ...protocol });
      expect(answer.errorCode).toBe(ErrorCode.NONE);
      expect(new TextDecoder().decode(answer.assignment)).toBe("all");
      expect(answer.protocolName).toBe(version >= 5 ? "range" : null);
      if (version < 5) return;
      const told = [
        { protocolType: null, protocolName: "range" },
        { protocolType: "consumer", protocolName: null },
        { protocolType: "connect", protocolName: "range" },
        { protocolType: "consumer", protocolName: "other" },
      ].map(async (wrong) => (await server.sync(version, { groupId: "g", ...member, ...wrong })).errorCode);
      expect(await Promise.all(told)).toEqual(Array(4).fill(ErrorCode.INCONSISTENT_GROUP_PROTOCOL));
    });
  }

  for (const version of versions(heartbeat)) {
    it(`Heartbeat ${version}`, async () => {
      const server = new GroupServer();
      const member = await server.member();
      const beat = async (request: Draft<HeartbeatRequest>) => (await server.heartbeat(version, request)).errorCode;
      expect(await beat({ groupId: "g", ...member })).toBe(ErrorCode.NONE);
      expect(await beat({ groupId: "g", ...member, generationId: 9 })).toBe(ErrorCode.ILLEGAL_GENERATION);
      expect(await beat({ groupId: "" })).toBe(ErrorCode.INVALID_GROUP_ID);
    });
  }

  for (const version of versions(leaveGroup)) {
    it(`LeaveGroup ${version}`, async () => {
      const server = new GroupServer();
      const { memberId } = await server.member();
      if (version < 3) {
        expect((await server.leave(version, { groupId: "g", memberId: "x" })).errorCode).toBe(25);
        expect((await server.leave(version, { groupId: "g", memberId })).errorCode).toBe(0);
        expect((await server.leave(version, { groupId: "nobody", memberId })).errorCode).toBe(25);
      } else {
        const members = [{ memberId: "x" }, { memberId }, { memberId: "", groupInstanceId: "i" }];
        const answer = await server.leave(version, { groupId: "g", members });
        expect(answer).toMatchObject({ errorCode: 0 });
        expect(answer.members.map((member) => member.errorCode)).toEqual([25, 0, 25]);
        expect(answer.members[2]).toMatchObject({ memberId: "", groupInstanceId: "i" });
        expect((await server.leave(version, { groupId: "nobody", members })).members.length).toBe(3);
      }
      expect((await server.leave(version, { groupId: "", members: [] })).errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
    });
  }
});

describe("FindCoordinator", () => {
  for (const version of versions(findCoordinator)) {
    it(`version ${version}`, async () => {
      const server = new GroupServer();
      server.world.offsetsPartitions = 0;
      const ask = async (keyType: number) => {
        const answer = await server.find(version, { key: "g", keyType, coordinatorKeys: ["g", "h"] });
        return version < 4 ? answer : answer.coordinators[1];
      };
      expect(await ask(0)).toMatchObject({ errorCode: 0, nodeId: 1, host: "host-1", port: 9091 });
      server.world.offsetsPartitions = 0;
      server.world.creatable = 0;
      expect(await ask(0)).toMatchObject({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, nodeId: -1, port: -1 });
      if (version === 0) return;
      for (const keyType of [3, 7]) expect((await ask(keyType)).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    });
  }
});

describe("groups for administrators", () => {
  for (const version of versions(describeGroups)) {
    it(`DescribeGroups ${version}`, async () => {
      const server = new GroupServer();
      const { memberId } = await server.member();
      const { groups } = await server.describe(version, { groups: ["g", "nobody"], includeAuthorizedOperations: true });
      expect(groups[0]).toMatchObject({
        groupId: "g",
        groupState: "Stable",
        protocolType: "consumer",
        protocolData: "range",
      });
      // READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS, where the version can tell.
      expect(groups[0].authorizedOperations).toBe(version >= 3 ? 0b110101001000 : -2_147_483_648);
      const [member] = groups[0].members;
      expect(member).toMatchObject({ memberId, clientId: "client", clientHost: "/127.0.0.1" });
      expect(new TextDecoder().decode(member.memberMetadata) + new TextDecoder().decode(member.memberAssignment)).toBe(
        "metaall",
      );
      expect(groups[1]).toMatchObject({
        groupId: "nobody",
        groupState: "Dead",
        errorCode: version >= 6 ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE,
        errorMessage: version >= 6 ? "Group nobody not found." : null,
      });
    });
  }

  for (const version of versions(listGroups)) {
    it(`ListGroups ${version}`, async () => {
      const server = new GroupServer();
      await server.member();
      await server.commit(2, { groupId: "s", topics: [{ name: "t", partitions: [{ partitionIndex: 0 }] }] });
      const { groups } = await server.list(version, {});
      expect(groups.map((group) => `${group.groupId} ${group.protocolType}`).sort()).toEqual(["g consumer", "s "]);
      expect(groups.map((group) => group.groupState).sort()).toEqual(version >= 4 ? ["Empty", "Stable"] : ["", ""]);
      if (version >= 4) expect((await server.list(version, { statesFilter: ["STABLE"] })).groups.length).toBe(1);
      if (version >= 5) expect((await server.list(version, { typesFilter: ["consumer"] })).groups).toEqual([]);
    });
  }

  for (const version of versions(deleteGroups)) {
    it(`DeleteGroups ${version}`, async () => {
      const server = new GroupServer();
      await server.member();
      await server.commit(2, { groupId: "s", topics: [{ name: "t", partitions: [{ partitionIndex: 0 }] }] });
      const { results } = await server.delete(version, { groupsNames: ["s", "g", "nobody", "s"] });
      expect(results.map((result) => [result.groupId, result.errorCode])).toEqual([
        ["s", ErrorCode.NONE],
        ["g", ErrorCode.NON_EMPTY_GROUP],
        ["nobody", ErrorCode.GROUP_ID_NOT_FOUND],
      ]);
      expect((await server.list(5, {})).groups.map((group) => group.groupId)).toEqual(["g"]);
    });
  }
});

describe("DescribeGroups", () => {
  it("describes a group once, however often it is named", async () => {
    const server = new GroupServer();
    await server.member();
    const groups = Array.from({ length: 1_000 }, (_, i) => (i % 2 === 0 ? "g" : "nobody"));
    const answer = await server.describe(5, { groups });
    expect(answer.groups.map((group) => [group.groupId, group.groupState])).toEqual([
      ["g", "Stable"],
      ["nobody", "Dead"],
    ]);
  });
});
