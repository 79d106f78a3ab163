import { checkConsumers } from "./consumers.ts";
import { checkGroups } from "./groups.ts";
import type { Anomaly, CheckOptions, FetchEvent, HistoryEvent, TopicEvent } from "./history.ts";
import { partitionsOf, SeenLog } from "./logs.ts";
import { checkProducers } from "./producers.ts";
import { Report } from "./report.ts";
import { checkShares } from "./shares.ts";
import { checkTransactions } from "./transactions.ts";

/**
 * Holds a history of clients against the rules of `docs/promises.md`. It knows nothing of the cluster but what the clients were told, so
 * it works on a history of any Kafka. An empty list means that no rule was seen broken.
 */
export function check(history: readonly HistoryEvent[], options: CheckOptions = {}): readonly Anomaly[] {
  const quiet = history.find((event) => event.type === "quiet");
  const report = new Report(options, quiet?.atMs ?? Infinity);
  const logs = new Map<string, SeenLog>();
  for (const [key, partition] of partitionsOf(history)) logs.set(key, new SeenLog(partition, report));
  for (const log of logs.values()) log.check();
  checkProducers(history, logs, report);
  checkGroups(history, logs, report);
  checkTransactions(history, logs, report);
  checkConsumers(history, report);
  checkShares(history, logs, report);
  checkProducerIds(history, report);
  checkTopics(history, report);
  if (options.lateMs) for (const log of logs.values()) checkLate(log, options.lateMs, report);
  return report.anomalies;
}

function checkProducerIds(history: readonly HistoryEvent[], report: Report): void {
  const owners = new Map<string, string>();
  for (const event of history) {
    if (event.type !== "producer-id") continue;
    const key = `${event.producerId} epoch ${event.producerEpoch}`;
    const other = owners.get(key);
    if (other !== undefined)
      report.add("producer-id-reused", `${other} and ${event.client} both have the producer id ${key}`);
    owners.set(key, event.client);
  }
}

/** In the quiet time every topic that was made is there, with all its partitions, and none that was deleted. */
function checkTopics(history: readonly HistoryEvent[], report: Report): void {
  const changes = Map.groupBy(
    history.filter((event) => event.type === "topic"),
    (event) => event.topic,
  );
  for (const event of history) {
    if (event.type !== "topics-seen" || !report.isQuiet(event.invokedMs)) continue;
    const seen = new Map(event.topics.map((topic) => [topic.topic, topic]));
    for (const [topic, own] of changes) {
      const partitions = Math.max(0, ...own.filter(isAcknowledged).map((change) => change.partitions));
      const deletions = own.filter((change) => change.action === "delete");
      const there = seen.get(topic);
      if (deletions.some(isAcknowledged)) {
        if (there !== undefined) report.add("topic-lost", `${topic} was deleted, and ${event.client} still sees it`);
      } else if (deletions.length === 0 && partitions > 0 && (there?.partitions ?? 0) < partitions) {
        report.add(
          "topic-lost",
          `${topic} has ${partitions} partitions, ${event.client} sees ${there?.partitions ?? 0}`,
        );
      }
    }
  }
}

function isAcknowledged(event: TopicEvent): boolean {
  return event.outcome === "acknowledged";
}

/** In the quiet time a parked fetch is answered soon after something was acknowledged that it waits for. */
function checkLate(log: SeenLog, lateMs: number, report: Report): void {
  for (const event of log.history.fetched) {
    if (event.completedMs === null || event.errorCode !== 0 || event.minBytes > 1) continue;
    // What is acknowledged within a transaction is nothing for it before the transaction has ended.
    if (event.isCommittedOnly === true) continue;
    if (!report.isQuiet(event.invokedMs)) continue;
    const missed = log.history.produced.find((batch) => isMissed(event, batch, lateMs));
    if (missed === undefined) continue;
    report.add(
      "late",
      `${log.history.key}: ${event.client} fetched from ${event.offset} at ${event.invokedMs} and was answered at ${event.completedMs}; ${missed.ids[0]} was acknowledged at ${missed.completedMs}`,
    );
  }
}

function isMissed(
  event: FetchEvent,
  batch: { outcome: string; completedMs: number | null; baseOffset: number },
  lateMs: number,
): boolean {
  if (batch.outcome !== "acknowledged" || batch.completedMs === null || batch.baseOffset < event.offset) return false;
  return (event.completedMs as number) - Math.max(batch.completedMs, event.invokedMs) > lateMs;
}
