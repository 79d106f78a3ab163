import { TASK_BYTES } from "./limits.ts";

/** An offset for each task, by subtopology and partition: a task's changelogs are added up. */
export type TaskOffsets = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** How far a member has restored its tasks, and how far there is to go. */
export interface ReportedOffsets {
  readonly offsets: TaskOffsets;
  readonly endOffsets: TaskOffsets;
}

export interface TaskOffset {
  readonly subtopologyId: string;
  readonly partition: number;
  readonly offset: number;
}

export const NO_OFFSETS: ReportedOffsets = { offsets: new Map(), endOffsets: new Map() };

/** What a heartbeat says instead of what was known; null leaves it. A task that is named twice makes the request invalid: its name. */
export function updatedOffsets(
  former: ReportedOffsets,
  offsets: readonly TaskOffset[] | null,
  endOffsets: readonly TaskOffset[] | null,
): ReportedOffsets | string {
  const read = offsets === null ? former.offsets : offsetsByTask(offsets);
  if (typeof read === "string") return read;
  const end = endOffsets === null ? former.endOffsets : offsetsByTask(endOffsets);
  return typeof end === "string" ? end : { offsets: read, endOffsets: end };
}

function offsetsByTask(entries: readonly TaskOffset[]): TaskOffsets | string {
  const byTask = new Map<string, Map<number, number>>();
  for (const { subtopologyId, partition, offset } of entries) {
    const known = byTask.get(subtopologyId) ?? new Map<number, number>();
    if (known.has(partition)) return `${subtopologyId}_${partition}`;
    known.set(partition, offset);
    byTask.set(subtopologyId, known);
  }
  return byTask;
}

export function offsetOf(offsets: TaskOffsets, subtopologyId: string, partition: number): number {
  return offsets.get(subtopologyId)?.get(partition) ?? 0;
}

export function sortedOffsets(offsets: TaskOffsets): TaskOffset[] {
  return [...offsets]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([subtopologyId, partitions]) =>
      [...partitions]
        .sort(([one], [other]) => one - other)
        .map(([partition, offset]) => ({ subtopologyId, partition, offset })),
    );
}

export function reportedBytes({ offsets, endOffsets }: ReportedOffsets): number {
  let bytes = 0;
  for (const table of [offsets, endOffsets]) {
    for (const [subtopologyId, partitions] of table)
      bytes += 2 * subtopologyId.length + TASK_BYTES * (1 + partitions.size);
  }
  return bytes;
}
