/** What a member is told of its group besides its tasks; the numbers are the protocol's. */
export const StreamsStatus = {
  STALE_TOPOLOGY: 0,
  MISSING_SOURCE_TOPICS: 1,
  INCORRECTLY_PARTITIONED_TOPICS: 2,
  MISSING_INTERNAL_TOPICS: 3,
  SHUTDOWN_APPLICATION: 4,
  ASSIGNMENT_DELAYED: 5,
  MISSING_CLIENT_TAGS: 6,
} as const;
export type StreamsStatus = (typeof StreamsStatus)[keyof typeof StreamsStatus];

export interface StatusEntry {
  readonly statusCode: StreamsStatus;
  /** A sentence for people. */
  readonly statusDetail: string;
}
