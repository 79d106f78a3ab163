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
import { DescribeConfigsRequest, DescribeConfigsResponse } from "#protocol/messages/32-describe-configs.ts";
import { CreatePartitionsRequest, CreatePartitionsResponse } from "#protocol/messages/37-create-partitions.ts";
import { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import { DescribeClusterRequest, DescribeClusterResponse } from "#protocol/messages/60-describe-cluster.ts";
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from "#protocol/messages/75-describe-topic-partitions.ts";

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
