import type { Uuid } from "#bytes/uuid.ts";

const OFFSET_DIGITS = 20;

export interface KeyParts {
  readonly topicId: Uuid;
  readonly partitionIndex: number;
  readonly baseOffset: number;
  /** Random: no two attempts to write a segment share a key, so that one which was given up can never spoil another. */
  readonly attempt: Uuid;
}

/** `segments/<topic id>/<partition>/<base offset>-<attempt>`: sorted by offset within a partition. */
export function segmentKey({ topicId, partitionIndex, baseOffset, attempt }: KeyParts): string {
  return `segments/${topicId}/${partitionIndex}/${String(baseOffset).padStart(OFFSET_DIGITS, "0")}-${attempt}`;
}
