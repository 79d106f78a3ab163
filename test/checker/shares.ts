import type { AcknowledgementEvent, AcquisitionEvent, HistoryEvent } from "./history.ts";
import { keyOf } from "./history.ts";
import type { SeenLog } from "./logs.ts";
import type { Report } from "./report.ts";

/** `group.share.delivery.count.limit` */
const DELIVERIES = 5;

interface Delivery {
  readonly event: AcquisitionEvent;
  readonly deliveryCount: number;
}

interface Judgement {
  readonly event: AcknowledgementEvent;
  readonly how: AcknowledgementEvent["said"][number]["how"];
}

/** All that happened to one record in one share group. */
interface Story {
  readonly deliveries: Delivery[];
  readonly judgements: Judgement[];
}

/**
 * Share groups (KIP-932): one member at a time has a record, what was accepted or rejected doesn't come again, and a record that was given
 * back counts its deliveries.
 */
export function checkShares(
  history: readonly HistoryEvent[],
  logs: ReadonlyMap<string, SeenLog>,
  report: Report,
): void {
  const stories = new Map<string, Map<number, Story>>();
  const of = (key: string, offset: number): Story => {
    const log = stories.get(key) ?? new Map<number, Story>();
    stories.set(key, log);
    const story = log.get(offset) ?? { deliveries: [], judgements: [] };
    log.set(offset, story);
    return story;
  };
  for (const event of history) {
    if (event.type === "acquisition") {
      const key = `${event.group} ${keyOf(event)}`;
      for (const { first, last, deliveryCount } of event.ranges) {
        for (let offset = first; offset <= last; offset++) of(key, offset).deliveries.push({ event, deliveryCount });
      }
    } else if (event.type === "acknowledgement" && event.outcome === "acknowledged") {
      const key = `${event.group} ${keyOf(event)}`;
      for (const { offset, how } of event.said) of(key, offset).judgements.push({ event, how });
    }
  }
  for (const [key, log] of stories) {
    for (const [offset, story] of log) checkStory(`group ${key} ${offset}`, story, report);
    const seen = logs.get(key.slice(key.indexOf(" ") + 1));
    if (report.options.isComplete === true && seen !== undefined) checkDelivered(key, log, { seen, report });
  }
}

function checkStory(what: string, { deliveries, judgements: all }: Story, report: Report): void {
  for (const { event, deliveryCount } of deliveries) {
    if (deliveryCount > DELIVERIES)
      report.add("delivery-count", `${what}: ${event.client} got it as delivery ${deliveryCount}`);
  }
  // What a member says too late of a record that is over and done with is taken and means nothing.
  const { recordLockMs = 0 } = report.options;
  const judgements = all.filter(({ event }) => {
    const own = heldFor(event, deliveries);
    return own !== undefined && (event.completedMs ?? Infinity) - own.event.invokedMs < recordLockMs;
  });
  const over = judgements.filter(({ how }) => how !== "release");
  if (over.length > 1)
    report.add(
      "acquired-twice",
      `${what}: ${over.map(({ event, how }) => `${event.client} could ${how} it`).join(", ")}`,
    );
  for (const { event, how } of judgements) {
    const own = heldFor(event, deliveries);
    if (own === undefined) continue;
    for (const { event: other, deliveryCount } of deliveries) {
      if (other === own.event || other.completedMs === null || own.event.completedMs === null) continue;
      const isWithin = other.invokedMs > own.event.completedMs && other.completedMs < event.invokedMs;
      if (isWithin && report.mustBeFresh(other.invokedMs)) {
        report.add(
          "acquired-twice",
          `${what}: ${other.client} got it at ${other.completedMs}, while ${event.client} had it, who could ${how} it at ${event.invokedMs}`,
        );
      }
      if (other.invokedMs <= (event.completedMs ?? Infinity) || !report.mustBeFresh(other.invokedMs)) continue;
      if (how !== "release")
        report.add(
          "redelivered",
          `${what}: ${other.client} got it at ${other.completedMs}, after a ${how} of ${event.client}`,
        );
      else if (deliveryCount <= own.deliveryCount) {
        report.add(
          "delivery-count",
          `${what}: delivery ${deliveryCount} to ${other.client}, after ${event.client} had given back delivery ${own.deliveryCount}`,
        );
      }
    }
  }
}

/** The delivery that a member speaks of: its latest one. */
function heldFor(event: AcknowledgementEvent, deliveries: readonly Delivery[]): Delivery | undefined {
  return deliveries.findLast(
    (one) => one.event.memberId === event.memberId && (one.event.completedMs ?? Infinity) <= event.invokedMs,
  );
}

/** Somebody in the group had every record that is there. */
function checkDelivered(
  key: string,
  log: ReadonlyMap<number, Story>,
  { seen, report }: { readonly seen: SeenLog; readonly report: Report },
): void {
  if (seen.history.isDoomed) return;
  for (const [offset, { id }] of seen.seen) {
    if (offset < seen.deletedBefore || log.get(offset)?.deliveries.length) continue;
    report.add("undelivered", `group ${key}: nobody was ever given ${id} at ${offset}`);
  }
}
