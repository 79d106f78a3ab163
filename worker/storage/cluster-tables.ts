/**
 * Everything that the cluster object stores: one table, one row a thing, values as JSON (`src/cluster/stored.ts`).
 *
 * | table | key | holds | lifetime |
 * |---|---|---|---|
 * | `cluster_metadata` | `format` | the version of this format | the object's |
 * | | `cluster` | the cluster's id | the cluster's |
 * | | `brokers` | the registered brokers | until KEDGE_BROKERS says otherwise |
 * | | `topic/<topicId>` | name, configs, partitions as [leaderId, leaderEpoch, partitionEpoch, replicas, isr] | the topic's |
 * | | `static-configs` | broker configs of KEDGE_CONFIGS | until KEDGE_CONFIGS says otherwise |
 * | | `broker-configs/`, `broker-configs/<id>` | dynamic broker configs of all brokers, of one | until they are unset |
 * | | `producer-ids` | the first producer id that no broker has been given | the cluster's |
 * | | `version` | the number of the last change | the cluster's |
 *
 * A text key, unlike the broker's tables: changes are rare, and the whole table is read once at a start.
 * A change of a value's form is a new CLUSTER_FORMAT_VERSION and a step in `openClusterTable`.
 */
export const CLUSTER_FORMAT_VERSION = 1;

export const CLUSTER_TABLES = [
  "CREATE TABLE IF NOT EXISTS cluster_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
] as const;

export const FORMAT_KEY = "format";

/**
 * Makes the table, or checks that it is ours to use.
 * @throws Error when a newer Kedge wrote it: an older one would not know what it damages.
 */
export function openClusterTable(storage: DurableObjectStorage): void {
  storage.transactionSync(() => {
    for (const create of CLUSTER_TABLES) storage.sql.exec(create);
    storage.sql.exec(
      "INSERT OR IGNORE INTO cluster_metadata (key, value) VALUES (?, ?)",
      FORMAT_KEY,
      String(CLUSTER_FORMAT_VERSION),
    );
  });
  const { value } = storage.sql
    .exec<{ value: string }>("SELECT value FROM cluster_metadata WHERE key = ?", FORMAT_KEY)
    .one();
  if (Number(value) === CLUSTER_FORMAT_VERSION) return;
  throw new Error(
    `the cluster's data has format ${value}, but this Kedge knows ${CLUSTER_FORMAT_VERSION}: ` +
      "start it with the newer Kedge that wrote the data, or give it another data directory",
  );
}
