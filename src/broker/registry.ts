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
import { describeConfigs } from "./handlers/32-describe-configs.ts";
import { alterConfigs } from "./handlers/33-alter-configs.ts";
import { createPartitions } from "./handlers/37-create-partitions.ts";
import { deleteGroups } from "./handlers/42-delete-groups.ts";
import { incrementalAlterConfigs } from "./handlers/44-incremental-alter-configs.ts";
import { describeCluster } from "./handlers/60-describe-cluster.ts";
import { describeTopicPartitions } from "./handlers/75-describe-topic-partitions.ts";

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
  describeConfigs,
  alterConfigs,
  createPartitions,
  deleteGroups,
  incrementalAlterConfigs,
  describeCluster,
  describeTopicPartitions,
];
