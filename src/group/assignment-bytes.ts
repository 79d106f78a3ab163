import { ASSIGNED_PARTITION_BYTES, ASSIGNED_TOPIC_BYTES } from "./limits.ts";

/** What one member has, or is to have, by topic. */
type Assigned = ReadonlyMap<string, { readonly size: number }>;

export function assignmentBytes(assigned: Assigned): number {
  let bytes = 0;
  for (const { size } of assigned.values()) bytes += assignmentBytesOf(1, size);
  return bytes;
}

/** The same for partitions of one topic that so many members have between them. */
export function assignmentBytesOf(memberCount: number, partitionCount: number): number {
  return ASSIGNED_TOPIC_BYTES * memberCount + ASSIGNED_PARTITION_BYTES * partitionCount;
}

/** What the members of one group are to have, and what they have, counted as it is held in memory. */
export class AssignmentCount {
  private targetBytes = 0;
  private ownedBytes = 0;

  /**
   * The larger of the two counts twice: what members are to have they will have, so that there is room for it from the moment that it is
   * decided on.
   */
  get heldBytes(): number {
    return this.targetBytes + Math.max(this.targetBytes, this.ownedBytes);
  }

  replaceTarget(before: Assigned | undefined, after: Assigned | undefined): void {
    this.targetBytes += difference(before, after);
  }

  replaceOwned(before: Assigned | undefined, after: Assigned | undefined): void {
    this.ownedBytes += difference(before, after);
  }
}

function difference(before: Assigned | undefined, after: Assigned | undefined): number {
  return (after === undefined ? 0 : assignmentBytes(after)) - (before === undefined ? 0 : assignmentBytes(before));
}
