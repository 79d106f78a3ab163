/**
 * The table of the cluster object: everything that the controller knows, one row a thing, as JSON (`src/cluster/stored.ts`).
 *
 * | key | value | lifetime |
 * |---|---|---|
 * | `cluster` | the cluster's id | for ever |
 * | `brokers` | the registered brokers | replaced when KEDGE_BROKERS says otherwise |
 * | `topic/<topicId>` | name, configs, partitions as [leaderId, leaderEpoch, partitionEpoch, replicas, isr] | the topic's |
 * | `static-configs` | broker configs of KEDGE_CONFIGS | replaced when KEDGE_CONFIGS says otherwise |
 * | `broker-configs/`, `broker-configs/<id>` | dynamic broker configs of all brokers, of one | until unset |
 * | `producer-ids` | the first producer id that no broker has been given | for ever |
 * | `version` | the number of the last change | for ever |
 */
export const CLUSTER_TABLES = [
  {
    table: "cluster_metadata",
    owner: "ClusterObject",
    lifetime: "the cluster's",
    create: "CREATE TABLE IF NOT EXISTS cluster_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
  },
] as const;
