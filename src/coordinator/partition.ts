const INT32_MIN = -2_147_483_648;

/**
 * The partition of an internal topic that holds what goes by this key (a group id, a transactional id): the absolute value of Java's
 * `String.hashCode()` modulo the partition count, where the one number without an absolute value counts as 0 (Kafka's `Utils.abs`). Clients
 * and tools compute the same.
 */
export function partitionOfKey(key: string, partitionCount: number): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return (hash === INT32_MIN ? 0 : Math.abs(hash)) % partitionCount;
}
