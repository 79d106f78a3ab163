import type { Broker } from "#broker/broker.ts";
import { GroupCoordinators } from "#broker/coordinator/group-coordinators.ts";
import type { Handler } from "#broker/handler.ts";
import { offsetCommit } from "#broker/handlers/08-offset-commit.ts";
import { offsetFetch } from "#broker/handlers/09-offset-fetch.ts";
import { findCoordinator } from "#broker/handlers/10-find-coordinator.ts";
import { joinGroup } from "#broker/handlers/11-join-group.ts";
import { heartbeat } from "#broker/handlers/12-heartbeat.ts";
import { leaveGroup } from "#broker/handlers/13-leave-group.ts";
import { syncGroup } from "#broker/handlers/14-sync-group.ts";
import { describeGroups } from "#broker/handlers/15-describe-groups.ts";
import { listGroups } from "#broker/handlers/16-list-groups.ts";
import { deleteGroups } from "#broker/handlers/42-delete-groups.ts";
import { offsetDelete } from "#broker/handlers/47-offset-delete.ts";
import { consumerGroupHeartbeat } from "#broker/handlers/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "#broker/handlers/69-consumer-group-describe.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import type { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import type { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import type { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import type { JoinGroupRequest, JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import type { HeartbeatRequest, HeartbeatResponse } from "#protocol/messages/12-heartbeat.ts";
import type { LeaveGroupRequest, LeaveGroupResponse } from "#protocol/messages/13-leave-group.ts";
import type { SyncGroupRequest, SyncGroupResponse } from "#protocol/messages/14-sync-group.ts";
import type { DescribeGroupsRequest, DescribeGroupsResponse } from "#protocol/messages/15-describe-groups.ts";
import type { ListGroupsRequest, ListGroupsResponse } from "#protocol/messages/16-list-groups.ts";
import type { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import type { OffsetDeleteRequest, OffsetDeleteResponse } from "#protocol/messages/47-offset-delete.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "#protocol/messages/68-consumer-group-heartbeat.ts";
import type {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from "#protocol/messages/69-consumer-group-describe.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import { GroupWorld } from "./group-world.ts";

const BYTES = new TextEncoder();

const HANDLERS = {
  OffsetCommit: offsetCommit,
  OffsetFetch: offsetFetch,
  FindCoordinator: findCoordinator,
  JoinGroup: joinGroup,
  Heartbeat: heartbeat,
  LeaveGroup: leaveGroup,
  SyncGroup: syncGroup,
  DescribeGroups: describeGroups,
  ListGroups: listGroups,
  DeleteGroups: deleteGroups,
  OffsetDelete: offsetDelete,
  ConsumerGroupHeartbeat: consumerGroupHeartbeat,
  ConsumerGroupDescribe: consumerGroupDescribe,
};

/** A broker that only has groups; requests and answers go through their bytes in the version asked for. */
export class GroupServer {
  readonly world = new GroupWorld();
  readonly groups = new GroupCoordinators(this.world);

  private async call<S>(
    handler: Handler,
    apiVersion: number,
    request: Draft<unknown>,
    clientId = "client",
  ): Promise<S> {
    const asked = handler.request as Message<unknown>;
    const told = handler.response as Message<unknown>;
    const writer = new Writer();
    asked.encode(writer, request, apiVersion);
    const broker = { groups: this.groups } as unknown as Broker;
    const peer = { clientHost: "127.0.0.1", hasVanished: false, onVanish: () => () => {} };
    const nowMs = this.world.clock.nowMs();
    const context = { broker, peer, apiVersion, clientId, clientHost: "127.0.0.1", nowMs };
    const answer = await handler.handle(context, asked.decode(new Reader(writer.finish()), apiVersion));
    if (typeof answer === "symbol") throw new Error("no answer");
    const back = new Writer();
    told.encode(back, answer, apiVersion);
    return told.decode(new Reader(back.finish()), apiVersion) as S;
  }

  /** By the API's name and as somebody. */
  request(name: keyof typeof HANDLERS, asked: { version: number; body: Draft<unknown>; clientId: string }) {
    return this.call<Record<string, unknown>>(HANDLERS[name], asked.version, asked.body, asked.clientId);
  }

  commit = (v: number, r: Draft<OffsetCommitRequest>) => this.call<OffsetCommitResponse>(offsetCommit, v, r);
  fetch = (v: number, r: Draft<OffsetFetchRequest>) => this.call<OffsetFetchResponse>(offsetFetch, v, r);
  find = (v: number, r: Draft<FindCoordinatorRequest>) => this.call<FindCoordinatorResponse>(findCoordinator, v, r);
  join = (v: number, r: Draft<JoinGroupRequest>) => this.call<JoinGroupResponse>(joinGroup, v, r);
  heartbeat = (v: number, r: Draft<HeartbeatRequest>) => this.call<HeartbeatResponse>(heartbeat, v, r);
  leave = (v: number, r: Draft<LeaveGroupRequest>) => this.call<LeaveGroupResponse>(leaveGroup, v, r);
  sync = (v: number, r: Draft<SyncGroupRequest>) => this.call<SyncGroupResponse>(syncGroup, v, r);
  describe = (v: number, r: Draft<DescribeGroupsRequest>) => this.call<DescribeGroupsResponse>(describeGroups, v, r);
  list = (v: number, r: Draft<ListGroupsRequest>) => this.call<ListGroupsResponse>(listGroups, v, r);
  delete = (v: number, r: Draft<DeleteGroupsRequest>) => this.call<DeleteGroupsResponse>(deleteGroups, v, r);

  beat = (v: number, r: Draft<ConsumerGroupHeartbeatRequest>) =>
    this.call<ConsumerGroupHeartbeatResponse>(consumerGroupHeartbeat, v, r);
  describeConsumers = (v: number, r: Draft<ConsumerGroupDescribeRequest>) =>
    this.call<ConsumerGroupDescribeResponse>(consumerGroupDescribe, v, r);
  deleteOffsets = (r: Draft<OffsetDeleteRequest>) => this.call<OffsetDeleteResponse>(offsetDelete, 0, r);

  /** A member alone in group g that is stable, by the oldest versions. */
  async member(): Promise<{ memberId: string; generationId: number }> {
    const joining = this.join(0, JOIN);
    await this.world.time.advance(0);
    const { memberId, generationId } = await joining;
    const assignments = [{ memberId, assignment: BYTES.encode("all") }];
    await this.sync(0, { groupId: "g", memberId, generationId, assignments });
    return { memberId, generationId };
  }
}

export const JOIN: Draft<JoinGroupRequest> = {
  groupId: "g",
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 20_000,
  protocolType: "consumer",
  protocols: [{ name: "range", metadata: BYTES.encode("meta") }],
};

export function versions(handler: Handler): number[] {
  return Array.from({ length: handler.max - handler.min + 1 }, (_, index) => handler.min + index);
}
