import type { CommitEvent, HeartbeatEvent, HistoryEvent, PartitionOf } from "./history.ts";
import { keyOf } from "./history.ts";
import type { Report } from "./report.ts";

/** A member held a partition: it was told so, and later the coordinator took something from it that shows that it still had it. */
interface Hold {
  readonly owner: string;
  readonly fromMs: number;
  claimedMs: number;
  /** What was taken from it last. */
  claim: "heartbeat" | "commit";
  /** It has said that it has the partition. */
  isTaken: boolean;
}

/**
 * Groups of KIP-848: nobody is given a partition while another member has it. A member has what it was told to have until it says that it
 * gave it back; that it is still a member shows when a later heartbeat or commit of it is taken.
 */
export function checkConsumers(history: readonly HistoryEvent[], report: Report): void {
  const beats = history.filter((event) => event.type === "heartbeat");
  if (beats.length === 0) return;
  const memberIds = new Set(beats.map(({ memberId }) => memberId));
  const commits = history.filter(
    (event): event is CommitEvent =>
      event.type === "commit" && event.outcome === "acknowledged" && memberIds.has(event.memberId),
  );
  const holds = new Map<string, Hold[]>();
  const events = [...beats, ...commits].sort((one, other) => one.invokedMs - other.invokedMs);
  for (const own of Map.groupBy(events, ({ group, memberId }) => `${group} ${memberId}`).values()) {
    for (const [key, hold] of holdsOf(own, report)) holds.set(key, [...(holds.get(key) ?? []), ...hold]);
  }
  for (const [key, all] of holds) checkApart(key, all, report);
  for (const beat of beats) {
    if (beat.nextEpoch >= beat.epoch) continue;
    report.add(
      "generation-reused",
      `group ${beat.group}: the epoch of ${beat.memberId} went from ${beat.epoch} to ${beat.nextEpoch}`,
    );
  }
}

/** What one member held, by group and partition. */
function holdsOf(events: readonly (HeartbeatEvent | CommitEvent)[], report: Report): Map<string, Hold[]> {
  const all = new Map<string, Hold[]>();
  const open = new Map<string, Hold>();
  const nameOf = (group: string, partition: PartitionOf) => `group ${group}, ${keyOf(partition)}`;
  const claim = (name: string, atMs: number, how: Hold["claim"]) => {
    const hold = open.get(name);
    if (hold === undefined || !report.mustBeFresh(atMs)) return;
    hold.claimedMs = atMs;
    hold.claim = how;
  };
  for (const event of events) {
    if (event.type === "commit") {
      claim(nameOf(event.group, event), event.invokedMs, "commit");
      continue;
    }
    if (event.epoch === 0) open.clear();
    const owned = new Set(event.owned.map((partition) => nameOf(event.group, partition)));
    for (const [name, hold] of open) if (hold.isTaken && !owned.has(name)) open.delete(name);
    for (const name of owned) {
      claim(name, event.invokedMs, "heartbeat");
      const hold = open.get(name);
      if (hold !== undefined) hold.isTaken = true;
    }
    if (event.assigned === null) continue;
    const assigned = new Set(event.assigned.map((partition) => nameOf(event.group, partition)));
    // What was taken back before it was taken up.
    for (const [name, hold] of open) if (!hold.isTaken && !assigned.has(name)) open.delete(name);
    for (const name of assigned) {
      if (open.has(name)) continue;
      const fromMs = event.completedMs ?? Infinity;
      const hold: Hold = { owner: event.memberId, fromMs, claimedMs: -Infinity, claim: "heartbeat", isTaken: false };
      open.set(name, hold);
      all.set(name, [...(all.get(name) ?? []), hold]);
    }
  }
  return all;
}

function checkApart(key: string, holds: Hold[], report: Report): void {
  holds.sort((one, other) => one.fromMs - other.fromMs);
  let longest: Hold | null = null;
  for (const hold of holds) {
    if (longest !== null && longest.owner !== hold.owner && longest.claimedMs > hold.fromMs) {
      report.add(
        longest.claim === "commit" ? "commit-fenced" : "two-owners",
        `${key}: given to ${hold.owner} at ${hold.fromMs}, while ${longest.owner} had it; a ${longest.claim} of it was taken at ${longest.claimedMs}`,
      );
    }
    if (longest === null || hold.claimedMs > longest.claimedMs) longest = hold;
  }
}
