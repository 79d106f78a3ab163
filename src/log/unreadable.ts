import type { Uuid } from "#bytes/uuid.ts";

export interface PartitionPlace {
  readonly topicId: Uuid;
  readonly partitionIndex: number;
}

/** What is stored of a partition can't be understood. All others are as good as before. */
export class UnreadableLogError extends Error implements PartitionPlace {
  readonly topicId: Uuid;
  readonly partitionIndex: number;

  constructor({ topicId, partitionIndex }: PartitionPlace, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.topicId = topicId;
    this.partitionIndex = partitionIndex;
  }
}

/** Runs what decodes stored bytes. @throws UnreadableLogError for whatever it throws. */
export function understood<T>(place: PartitionPlace, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new UnreadableLogError(place, error);
  }
}
