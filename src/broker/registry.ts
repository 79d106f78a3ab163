/** The APIs that a broker serves. ApiVersions and docs/support.md follow from this list. */
import type { Handler } from "./handler.ts";
import { produce } from "./handlers/00-produce.ts";
import { fetch } from "./handlers/01-fetch.ts";
import { listOffsets } from "./handlers/02-list-offsets.ts";
import { metadata } from "./handlers/03-metadata.ts";
import { offsetCommit } from "./handlers/08-offset-commit.ts";
import { offsetFetch } from "./handlers/09-offset-fetch.ts";
import { findCoordinator } from "./handlers/10-find-coordinator.ts";
import { joinGroup } from "./handlers/11-join-group.ts";
import { heartbeat } from "./handlers/12-heartbeat.ts";
import { leaveGroup } from "./handlers/13-leave-group.ts";
import { syncGroup } from "./handlers/14-sync-group.ts";
import { describeGroups } from "./handlers/15-describe-groups.ts";
import { listGroups } from "./handlers/16-list-groups.ts";
import { apiVersions } from "./handlers/18-api-versions.ts";
import { createTopics } from "./handlers/19-create-topics.ts";
import { deleteTopics } from "./handlers/20-delete-topics.ts";
import { deleteRecords } from "./handlers/21-delete-records.ts";
import { initProducerId } from "./handlers/22-init-producer-id.ts";
import { offsetForLeaderEpoch } from "./handlers/23-offset-for-leader-epoch.ts";
import { addPartitionsToTxn } from "./handlers/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "./handlers/25-add-offsets-to-txn.ts";
import { endTxn } from "./handlers/26-end-txn.ts";
import { writeTxnMarkers } from "./handlers/27-write-txn-markers.ts";
import { txnOffsetCommit } from "./handlers/28-txn-offset-commit.ts";
import { describeConfigs } from "./handlers/32-describe-configs.ts";
import { alterConfigs } from "./handlers/33-alter-configs.ts";
import { createPartitions } from "./handlers/37-create-partitions.ts";
import { deleteGroups } from "./handlers/42-delete-groups.ts";
import { incrementalAlterConfigs } from "./handlers/44-incremental-alter-configs.ts";
import { offsetDelete } from "./handlers/47-offset-delete.ts";
import { describeCluster } from "./handlers/60-describe-cluster.ts";
import { describeProducers } from "./handlers/61-describe-producers.ts";
import { describeTransactions } from "./handlers/65-describe-transactions.ts";
import { listTransactions } from "./handlers/66-list-transactions.ts";
import { consumerGroupHeartbeat } from "./handlers/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "./handlers/69-consumer-group-describe.ts";
import { listConfigResources } from "./handlers/74-list-config-resources.ts";
import { describeTopicPartitions } from "./handlers/75-describe-topic-partitions.ts";
import { shareGroupHeartbeat } from "./handlers/76-share-group-heartbeat.ts";
import { shareGroupDescribe } from "./handlers/77-share-group-describe.ts";
import { shareFetch } from "./handlers/78-share-fetch.ts";
import { shareAcknowledge } from "./handlers/79-share-acknowledge.ts";
import { initializeShareGroupState } from "./handlers/83-initialize-share-group-state.ts";
import { readShareGroupState } from "./handlers/84-read-share-group-state.ts";
import { writeShareGroupState } from "./handlers/85-write-share-group-state.ts";
import { deleteShareGroupState } from "./handlers/86-delete-share-group-state.ts";
import { readShareGroupStateSummary } from "./handlers/87-read-share-group-state-summary.ts";
import { streamsGroupHeartbeat } from "./handlers/88-streams-group-heartbeat.ts";
import { streamsGroupDescribe } from "./handlers/89-streams-group-describe.ts";
import { describeShareGroupOffsets } from "./handlers/90-describe-share-group-offsets.ts";
import { alterShareGroupOffsets } from "./handlers/91-alter-share-group-offsets.ts";
import { deleteShareGroupOffsets } from "./handlers/92-delete-share-group-offsets.ts";

export const handlers: readonly Handler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  txnOffsetCommit,
  describeConfigs,
  alterConfigs,
  createPartitions,
  deleteGroups,
  incrementalAlterConfigs,
  offsetDelete,
  describeCluster,
  describeProducers,
  describeTransactions,
  listTransactions,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  listConfigResources,
  describeTopicPartitions,
  shareGroupHeartbeat,
  shareGroupDescribe,
  shareFetch,
  shareAcknowledge,
  initializeShareGroupState,
  readShareGroupState,
  writeShareGroupState,
  deleteShareGroupState,
  readShareGroupStateSummary,
  streamsGroupHeartbeat,
  streamsGroupDescribe,
  describeShareGroupOffsets,
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
];
