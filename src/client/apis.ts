/**
 * The requests that this client makes, each in one fixed version. Client and broker are built and deployed together, and
 * Apache Kafka speaks all of these since 4.0, so nothing is negotiated; a test holds every version here against what the
 * message tables know. Where the same request exists twice, the cluster's feature `transaction.version` decides.
 *
 * Produce and Fetch name topics by id (version 13): when a topic was deleted and made again, what was planned for the old
 * one must not reach the new one.
 */

import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { JoinGroupRequest, JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import { HeartbeatRequest, HeartbeatResponse } from "#protocol/messages/12-heartbeat.ts";
import { LeaveGroupRequest, LeaveGroupResponse } from "#protocol/messages/13-leave-group.ts";
import { SyncGroupRequest, SyncGroupResponse } from "#protocol/messages/14-sync-group.ts";
import { DescribeGroupsRequest, DescribeGroupsResponse } from "#protocol/messages/15-describe-groups.ts";
import { ListGroupsRequest, ListGroupsResponse } from "#protocol/messages/16-list-groups.ts";
import { ApiVersionsRequest, ApiVersionsResponse } from "#protocol/messages/18-api-versions.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { DeleteRecordsRequest, DeleteRecordsResponse } from "#protocol/messages/21-delete-records.ts";
import { InitProducerIdRequest, InitProducerIdResponse } from "#protocol/messages/22-init-producer-id.ts";
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from "#protocol/messages/23-offset-for-leader-epoch.ts";
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from "#protocol/messages/24-add-partitions-to-txn.ts";
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from "#protocol/messages/25-add-offsets-to-txn.ts";
import { EndTxnRequest, EndTxnResponse } from "#protocol/messages/26-end-txn.ts";
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from "#protocol/messages/28-txn-offset-commit.ts";
import { DescribeConfigsRequest, DescribeConfigsResponse } from "#protocol/messages/32-describe-configs.ts";
import { CreatePartitionsRequest, CreatePartitionsResponse } from "#protocol/messages/37-create-partitions.ts";
import { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import { OffsetDeleteRequest, OffsetDeleteResponse } from "#protocol/messages/47-offset-delete.ts";
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "#protocol/messages/68-consumer-group-heartbeat.ts";
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from "#protocol/messages/69-consumer-group-describe.ts";
import type { Message } from "#protocol/schema.ts";

/** One request with its response, in the version that the client speaks. */
export interface Api<Q, S> {
  readonly request: Message<Q>;
  readonly response: Message<S>;
  readonly version: number;
}

export const produceApi = { request: ProduceRequest, response: ProduceResponse, version: 13 };
export const fetchApi = { request: FetchRequest, response: FetchResponse, version: 13 };
export const listOffsetsApi = { request: ListOffsetsRequest, response: ListOffsetsResponse, version: 10 };
export const metadataApi = { request: MetadataRequest, response: MetadataResponse, version: 12 };
export const apiVersionsApi = { request: ApiVersionsRequest, response: ApiVersionsResponse, version: 3 };
export const createTopicsApi = { request: CreateTopicsRequest, response: CreateTopicsResponse, version: 7 };
export const describeConfigsApi = { request: DescribeConfigsRequest, response: DescribeConfigsResponse, version: 4 };

export const findCoordinatorApi = { request: FindCoordinatorRequest, response: FindCoordinatorResponse, version: 4 };
export const offsetCommitApi = { request: OffsetCommitRequest, response: OffsetCommitResponse, version: 9 };
export const offsetFetchApi = { request: OffsetFetchRequest, response: OffsetFetchResponse, version: 9 };
export const joinGroupApi = { request: JoinGroupRequest, response: JoinGroupResponse, version: 9 };
export const heartbeatApi = { request: HeartbeatRequest, response: HeartbeatResponse, version: 4 };
export const leaveGroupApi = { request: LeaveGroupRequest, response: LeaveGroupResponse, version: 5 };
export const syncGroupApi = { request: SyncGroupRequest, response: SyncGroupResponse, version: 5 };
export const consumerGroupHeartbeatApi = {
  request: ConsumerGroupHeartbeatRequest,
  response: ConsumerGroupHeartbeatResponse,
  version: 1,
};
export const offsetForLeaderEpochApi = {
  request: OffsetForLeaderEpochRequest,
  response: OffsetForLeaderEpochResponse,
  version: 4,
};
export const initProducerIdApi = { request: InitProducerIdRequest, response: InitProducerIdResponse, version: 5 };

/** Of transactions V1 (KIP-98): partitions and groups are added before they are written to. */
export const produceV1Api = { request: ProduceRequest, response: ProduceResponse, version: 11 };
export const addPartitionsToTxnApi = {
  request: AddPartitionsToTxnRequest,
  response: AddPartitionsToTxnResponse,
  version: 3,
};
export const addOffsetsToTxnApi = { request: AddOffsetsToTxnRequest, response: AddOffsetsToTxnResponse, version: 3 };
export const txnOffsetCommitV1Api = { request: TxnOffsetCommitRequest, response: TxnOffsetCommitResponse, version: 4 };
export const endTxnV1Api = { request: EndTxnRequest, response: EndTxnResponse, version: 4 };

/** Of transactions V2 (KIP-890): writing adds, and each end brings a new epoch. */
export const txnOffsetCommitApi = { request: TxnOffsetCommitRequest, response: TxnOffsetCommitResponse, version: 5 };
export const endTxnApi = { request: EndTxnRequest, response: EndTxnResponse, version: 5 };

/** The consumer's: from version 16 on an answer says where a partition's new leader is reached. */
export const consumerFetchApi = { request: FetchRequest, response: FetchResponse, version: 16 };

export const deleteTopicsApi = { request: DeleteTopicsRequest, response: DeleteTopicsResponse, version: 6 };
export const deleteRecordsApi = { request: DeleteRecordsRequest, response: DeleteRecordsResponse, version: 2 };
export const createPartitionsApi = { request: CreatePartitionsRequest, response: CreatePartitionsResponse, version: 3 };
export const incrementalAlterConfigsApi = {
  request: IncrementalAlterConfigsRequest,
  response: IncrementalAlterConfigsResponse,
  version: 1,
};
export const listGroupsApi = { request: ListGroupsRequest, response: ListGroupsResponse, version: 5 };
export const describeGroupsApi = { request: DescribeGroupsRequest, response: DescribeGroupsResponse, version: 5 };
export const consumerGroupDescribeApi = {
  request: ConsumerGroupDescribeRequest,
  response: ConsumerGroupDescribeResponse,
  version: 1,
};
export const deleteGroupsApi = { request: DeleteGroupsRequest, response: DeleteGroupsResponse, version: 2 };
export const offsetDeleteApi = { request: OffsetDeleteRequest, response: OffsetDeleteResponse, version: 0 };
