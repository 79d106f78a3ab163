/** Requests and responses in pairs, by API. */
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
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from "#protocol/messages/27-write-txn-markers.ts";
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from "#protocol/messages/28-txn-offset-commit.ts";
import { DescribeConfigsRequest, DescribeConfigsResponse } from "#protocol/messages/32-describe-configs.ts";
import { CreatePartitionsRequest, CreatePartitionsResponse } from "#protocol/messages/37-create-partitions.ts";
import { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import { OffsetDeleteRequest, OffsetDeleteResponse } from "#protocol/messages/47-offset-delete.ts";
import { DescribeClusterRequest, DescribeClusterResponse } from "#protocol/messages/60-describe-cluster.ts";
import { DescribeProducersRequest, DescribeProducersResponse } from "#protocol/messages/61-describe-producers.ts";
import {
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
} from "#protocol/messages/65-describe-transactions.ts";
import { ListTransactionsRequest, ListTransactionsResponse } from "#protocol/messages/66-list-transactions.ts";
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "#protocol/messages/68-consumer-group-heartbeat.ts";
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from "#protocol/messages/69-consumer-group-describe.ts";
import {
  ListConfigResourcesRequest,
  ListConfigResourcesResponse,
} from "#protocol/messages/74-list-config-resources.ts";
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from "#protocol/messages/75-describe-topic-partitions.ts";
import {
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponse,
} from "#protocol/messages/76-share-group-heartbeat.ts";
import { ShareGroupDescribeRequest, ShareGroupDescribeResponse } from "#protocol/messages/77-share-group-describe.ts";
import { ShareFetchRequest, ShareFetchResponse } from "#protocol/messages/78-share-fetch.ts";
import { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from "#protocol/messages/79-share-acknowledge.ts";
import {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from "#protocol/messages/83-initialize-share-group-state.ts";
import {
  ReadShareGroupStateRequest,
  ReadShareGroupStateResponse,
} from "#protocol/messages/84-read-share-group-state.ts";
import {
  WriteShareGroupStateRequest,
  WriteShareGroupStateResponse,
} from "#protocol/messages/85-write-share-group-state.ts";
import {
  DeleteShareGroupStateRequest,
  DeleteShareGroupStateResponse,
} from "#protocol/messages/86-delete-share-group-state.ts";
import {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from "#protocol/messages/87-read-share-group-state-summary.ts";
import {
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponse,
} from "#protocol/messages/88-streams-group-heartbeat.ts";
import {
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponse,
} from "#protocol/messages/89-streams-group-describe.ts";
import {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
} from "#protocol/messages/90-describe-share-group-offsets.ts";
import {
  AlterShareGroupOffsetsRequest,
  AlterShareGroupOffsetsResponse,
} from "#protocol/messages/91-alter-share-group-offsets.ts";
import {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponse,
} from "#protocol/messages/92-delete-share-group-offsets.ts";

export const Produce = [ProduceRequest, ProduceResponse] as const;
export const Fetch = [FetchRequest, FetchResponse] as const;
export const ListOffsets = [ListOffsetsRequest, ListOffsetsResponse] as const;
export const Metadata = [MetadataRequest, MetadataResponse] as const;
export const OffsetCommit = [OffsetCommitRequest, OffsetCommitResponse] as const;
export const OffsetFetch = [OffsetFetchRequest, OffsetFetchResponse] as const;
export const FindCoordinator = [FindCoordinatorRequest, FindCoordinatorResponse] as const;
export const JoinGroup = [JoinGroupRequest, JoinGroupResponse] as const;
export const Heartbeat = [HeartbeatRequest, HeartbeatResponse] as const;
export const LeaveGroup = [LeaveGroupRequest, LeaveGroupResponse] as const;
export const SyncGroup = [SyncGroupRequest, SyncGroupResponse] as const;
export const DescribeGroups = [DescribeGroupsRequest, DescribeGroupsResponse] as const;
export const ListGroups = [ListGroupsRequest, ListGroupsResponse] as const;
export const ApiVersions = [ApiVersionsRequest, ApiVersionsResponse] as const;
export const CreateTopics = [CreateTopicsRequest, CreateTopicsResponse] as const;
export const DeleteTopics = [DeleteTopicsRequest, DeleteTopicsResponse] as const;
export const DeleteRecords = [DeleteRecordsRequest, DeleteRecordsResponse] as const;
export const InitProducerId = [InitProducerIdRequest, InitProducerIdResponse] as const;
export const OffsetForLeaderEpoch = [OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse] as const;
export const DescribeConfigs = [DescribeConfigsRequest, DescribeConfigsResponse] as const;
export const CreatePartitions = [CreatePartitionsRequest, CreatePartitionsResponse] as const;
export const DeleteGroups = [DeleteGroupsRequest, DeleteGroupsResponse] as const;
export const IncrementalAlterConfigs = [IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse] as const;
export const DescribeCluster = [DescribeClusterRequest, DescribeClusterResponse] as const;
export const DescribeTopicPartitions = [DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse] as const;
export const AddPartitionsToTxn = [AddPartitionsToTxnRequest, AddPartitionsToTxnResponse] as const;
export const AddOffsetsToTxn = [AddOffsetsToTxnRequest, AddOffsetsToTxnResponse] as const;
export const EndTxn = [EndTxnRequest, EndTxnResponse] as const;
export const WriteTxnMarkers = [WriteTxnMarkersRequest, WriteTxnMarkersResponse] as const;
export const TxnOffsetCommit = [TxnOffsetCommitRequest, TxnOffsetCommitResponse] as const;
export const DescribeProducers = [DescribeProducersRequest, DescribeProducersResponse] as const;
export const DescribeTransactions = [DescribeTransactionsRequest, DescribeTransactionsResponse] as const;
export const ListTransactions = [ListTransactionsRequest, ListTransactionsResponse] as const;
export const OffsetDelete = [OffsetDeleteRequest, OffsetDeleteResponse] as const;
export const ConsumerGroupHeartbeat = [ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse] as const;
export const ConsumerGroupDescribe = [ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse] as const;
export const ShareGroupHeartbeat = [ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse] as const;
export const ShareGroupDescribe = [ShareGroupDescribeRequest, ShareGroupDescribeResponse] as const;
export const ShareFetch = [ShareFetchRequest, ShareFetchResponse] as const;
export const ShareAcknowledge = [ShareAcknowledgeRequest, ShareAcknowledgeResponse] as const;
export const InitializeShareGroupState = [InitializeShareGroupStateRequest, InitializeShareGroupStateResponse] as const;
export const ReadShareGroupState = [ReadShareGroupStateRequest, ReadShareGroupStateResponse] as const;
export const WriteShareGroupState = [WriteShareGroupStateRequest, WriteShareGroupStateResponse] as const;
export const DeleteShareGroupState = [DeleteShareGroupStateRequest, DeleteShareGroupStateResponse] as const;
export const ReadShareGroupStateSummary = [
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
] as const;
export const DescribeShareGroupOffsets = [DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse] as const;
export const AlterShareGroupOffsets = [AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse] as const;
export const DeleteShareGroupOffsets = [DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse] as const;
export const StreamsGroupHeartbeat = [StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse] as const;
export const StreamsGroupDescribe = [StreamsGroupDescribeRequest, StreamsGroupDescribeResponse] as const;
export const ListConfigResources = [ListConfigResourcesRequest, ListConfigResourcesResponse] as const;
