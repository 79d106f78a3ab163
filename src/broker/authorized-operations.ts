import type { RequestContext } from "./handler.ts";

/** In answers: nobody asked which operations the client may do. */
export const NOT_ASKED = -2_147_483_648;

/** Bits of AclOperation codes: READ 3, WRITE 4, CREATE 5, DELETE 6, ALTER 7, DESCRIBE 8, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11. */
const ALL_TOPIC_OPERATIONS = bits([3, 4, 5, 6, 7, 8, 10, 11]);

/** CREATE 5, ALTER 7, DESCRIBE 8, CLUSTER_ACTION 9, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11, IDEMPOTENT_WRITE 12. */
const ALL_CLUSTER_OPERATIONS = bits([5, 7, 8, 9, 10, 11, 12]);

/** READ 3, DELETE 6, DESCRIBE 8, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11. */
const ALL_GROUP_OPERATIONS = bits([3, 6, 8, 10, 11]);

function bits(codes: readonly number[]): number {
  return codes.reduce((sum, code) => sum | (1 << code), 0);
}

/** What the client may do with a topic (KIP-430). There is no authorizer yet, and without one everything is allowed. */
export function topicOperations(_context: RequestContext, _topic: string): number {
  return ALL_TOPIC_OPERATIONS;
}

/** What the client may do with the cluster. */
export function clusterOperations(_context: RequestContext): number {
  return ALL_CLUSTER_OPERATIONS;
}

/** What the client may do with a group. */
export function groupOperations(_context: RequestContext, _groupId: string): number {
  return ALL_GROUP_OPERATIONS;
}
