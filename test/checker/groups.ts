import type { AssignmentEvent, CommitEvent, CommittedEvent, FetchEvent, HistoryEvent, JoinEvent } from "./history.ts";
import { keyOf } from "./history.ts";
import { apart, type Generations } from "./incarnations.ts";
import type { SeenLog } from "./logs.ts";
import type { Report } from "./report.ts";
import { RunningMax } from "./running-max.ts";

/** What groups are promised: one owner a partition and generation, fenced commits that stay, and nothing passed over. */
export function checkGroups(
  history: readonly HistoryEvent[],
  logs: ReadonlyMap<string, SeenLog>,
  report: Report,
): void {
  const joins = history.filter((event) => event.type === "join");
  const assignments = history.filter((event) => event.type === "assignment");
  const commits = history.filter((event) => event.type === "commit");
  const told = { joins, assignments, commits };
  const generations = report.options.forgetsGroups === true ? apart(told) : told;
  checkOwners(generations.assignments, report);
  checkGenerations(generations, report);
  checkCommitted(
    commits,
    history.filter((event) => event.type === "committed"),
    report,
  );
  checkSkipped(
    // A program that copies reads what it wants, and `transactions.ts` looks at what it left out.
    commits.filter((event) => event.isTransactional !== true),
    history.filter((event) => event.type === "fetch" && event.group !== null) as FetchEvent[],
    logs,
    report,
  );
}

function checkOwners(assignments: readonly AssignmentEvent[], report: Report): void {
  const owners = new Map<string, AssignmentEvent>();
  for (const event of assignments) {
    for (const partition of event.partitions) {
      const key = `${event.group} ${event.generation} ${keyOf(partition)}`;
      const other = owners.get(key);
      if (other !== undefined && ownerOf(other) !== ownerOf(event)) {
        report.add(
          "two-owners",
          `group ${event.group}, generation ${event.generation}: ${keyOf(partition)} belongs to ${other.memberId} and to ${event.memberId}`,
        );
      }
      owners.set(key, event);
    }
  }
}

function ownerOf({ memberId, instanceId }: AssignmentEvent): string {
  return instanceId === null ? `member ${memberId}` : `instance ${instanceId}`;
}

/** Once a generation has its assignment, joins lead to it or a later one, and commits of older ones are refused. */
function checkGenerations({ joins, assignments, commits }: Generations, report: Report): void {
  const newest = new Map<string, RunningMax>();
  const members = new Map<string, JoinEvent>();
  for (const event of assignments) {
    const max = newest.get(event.group) ?? new RunningMax();
    newest.set(event.group, max);
    max.add(event.completedMs ?? Infinity, event.generation, event.memberId);
  }
  for (const event of joins) {
    const before = newest.get(event.group)?.before(event.invokedMs);
    if (before && event.generation < before.value) {
      report.add(
        "generation-reused",
        `group ${event.group}: ${event.memberId} joined generation ${event.generation}, after ${before.what} had its part of ${before.value}`,
      );
    }
    const key = `${event.group} ${event.memberId}`;
    const other = members.get(key);
    if (other !== undefined && other.client !== event.client) {
      report.add(
        "two-owners",
        `group ${event.group}: ${other.client} and ${event.client} are both the member ${event.memberId}`,
      );
    }
    members.set(key, event);
  }
  for (const event of commits) {
    if (event.outcome !== "acknowledged" || event.generation < 0) continue;
    const before = newest.get(event.group)?.before(event.invokedMs);
    if (before && event.generation < before.value) {
      report.add(
        "commit-fenced",
        `group ${event.group}: a commit of ${event.memberId} in generation ${event.generation} was taken, after ${before.what} had its part of ${before.value}`,
      );
    }
  }
}

/**
 * A committed offset is a register: a read gives what was written last, or something that was being written meanwhile. Checked for each
 * read against all writes, and for each read against the reads before it.
 */
function checkCommitted(commits: readonly CommitEvent[], reads: readonly CommittedEvent[], report: Report): void {
  const writes = Map.groupBy(
    commits.filter((event) => event.outcome !== "refused"),
    (event) => `${event.group} ${keyOf(event)}`,
  );
  for (const [key, registerReads] of Map.groupBy(reads, (event) => `${event.group} ${keyOf(event)}`)) {
    const all = writes.get(key) ?? [];
    for (const read of registerReads) {
      if (read.completedMs === null || !report.mustBeFresh(read.invokedMs)) continue;
      const problem = whyNotReadable(read, all);
      if (problem !== null) {
        report.add(
          "commit-lost",
          `group ${read.group}, ${keyOf(read)}: ${read.client} was told the offset ${read.offset} at ${read.invokedMs}; ${problem}`,
        );
      }
    }
  }
}

/** Null when the value may be what it read. */
function whyNotReadable(read: CommittedEvent, writes: readonly CommitEvent[]): string | null {
  const readEndMs = read.completedMs as number;
  const isDone = (write: CommitEvent) => write.outcome === "acknowledged" && write.completedMs !== null;
  const done = writes.filter((write) => isDone(write) && (write.completedMs as number) < read.invokedMs);
  if (read.offset === -1) {
    const first = done[0];
    return first === undefined ? null : `${first.offset} had been committed at ${first.completedMs}`;
  }
  const candidates = writes.filter((write) => write.offset === read.offset && write.invokedMs < readEndMs);
  if (candidates.length === 0) return "nobody ever committed that";
  const isOverwritten = (candidate: CommitEvent) =>
    isDone(candidate) && done.some((write) => write.invokedMs > (candidate.completedMs as number));
  if (!candidates.every(isOverwritten)) return null;
  const latest = done.reduce((one, other) => (other.invokedMs > one.invokedMs ? other : one));
  return `${latest.offset} had been committed after it, at ${latest.completedMs}`;
}

/** A group commits what it has consumed: below a committed offset every record was read by one of its members before. */
function checkSkipped(
  commits: readonly CommitEvent[],
  fetches: readonly FetchEvent[],
  logs: ReadonlyMap<string, SeenLog>,
  report: Report,
): void {
  const commitsOf = Map.groupBy(commits, (event) => `${event.group} ${keyOf(event)}`);
  const fetchesOf = Map.groupBy(fetches, (event) => `${event.group} ${keyOf(event)}`);
  for (const [key, own] of commitsOf) {
    const log = logs.get(keyOf(own[0]));
    if (log === undefined) continue;
    const readAtMs = new Map<number, number>();
    for (const event of fetchesOf.get(key) ?? []) {
      for (const { offset } of event.records) {
        readAtMs.set(offset, Math.min(readAtMs.get(offset) ?? Infinity, event.completedMs ?? Infinity));
      }
    }
    let checked = 0;
    for (const commit of own) {
      for (; checked < commit.offset; checked++) {
        if (checked < log.deletedBefore || !(log.seen.has(checked) || log.acknowledged.has(checked))) continue;
        if ((readAtMs.get(checked) ?? Infinity) <= commit.invokedMs) continue;
        report.add(
          "skipped",
          `group ${commit.group}, ${keyOf(commit)}: ${commit.offset} was committed, but no member had read offset ${checked}`,
        );
      }
    }
  }
}
