import type { Uuid } from "#bytes/uuid.ts";

/** One partition of a topic as one group shares it. */
export interface ShareKey {
  readonly groupId: string;
  readonly topicId: Uuid;
  readonly partitionIndex: number;
}

const UUID = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const PARTITION = /^[+-]?\d{1,10}$/;
const MAX_INT32 = 2_147_483_647;

/** By what FindCoordinator asks for its share coordinator, and what is hashed to its partition of `__share_group_state`. */
export function shareKeyText({ groupId, topicId, partitionIndex }: ShareKey): string {
  return `${groupId}:${topicId}:${partitionIndex}`;
}

/** Null for what is no such key. A group id may hold colons. */
export function parseShareKey(text: string): ShareKey | null {
  const tokens = text.split(":");
  if (tokens.length < 3) return null;
  const [topicId, partitionText] = tokens.slice(-2);
  const groupId = tokens.slice(0, -2).join(":");
  const partitionIndex = Number(partitionText);
  if (groupId.trim() === "" || !UUID.test(topicId) || !PARTITION.test(partitionText)) return null;
  return Math.abs(partitionIndex) > MAX_INT32 ? null : { groupId, topicId, partitionIndex };
}
