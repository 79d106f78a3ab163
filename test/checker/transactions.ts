import type { CopierEvent, HistoryEvent, ProduceEvent, TransactionEvent } from "./history.ts";
import { keyOf } from "./history.ts";
import type { SeenLog } from "./logs.ts";
import type { Report } from "./report.ts";

/** A reader of committed records sees whole transactions, and only those that were committed; a copier's copies are there once. */
export function checkTransactions(
  history: readonly HistoryEvent[],
  logs: ReadonlyMap<string, SeenLog>,
  report: Report,
): void {
  const batches = history.filter(
    (event) => event.type === "produce" && event.transaction !== undefined,
  ) as ProduceEvent[];
  if (batches.length === 0) return;
  const ends = new Map(
    history.filter((event) => event.type === "transaction").map((event) => [event.transaction, event]),
  );
  const shown = checkReads(batches, ends, logs, report);
  if (report.options.isComplete !== true) return;
  checkWhole(batches, ends, { shown, logs, report });
  const copiers = history.filter((event) => event.type === "copier");
  for (const copier of copiers) checkCopies(copier, batches, { ends, shown, logs, report });
}

/** Ids of the transactional records that readers of committed ones were shown. */
function checkReads(
  batches: readonly ProduceEvent[],
  ends: ReadonlyMap<string, TransactionEvent>,
  logs: ReadonlyMap<string, SeenLog>,
  report: Report,
): Set<string> {
  const batchOf = new Map<string, ProduceEvent>();
  for (const batch of batches) for (const id of batch.ids) batchOf.set(id, batch);
  const shown = new Set<string>();
  for (const log of logs.values()) {
    for (const event of log.history.fetched) {
      if (event.isCommittedOnly !== true || event.errorCode !== 0) continue;
      for (const { id, offset } of event.records) {
        const batch = batchOf.get(id);
        if (batch === undefined) continue;
        shown.add(id);
        const end = ends.get(batch.transaction as string);
        const what = `${log.history.key}: ${event.client} was shown ${id} at ${offset}`;
        if (end === undefined || end.outcome === "aborted")
          report.add("aborted-read", `${what}; ${batch.transaction} was not committed`);
        else if (end.invokedMs > (event.completedMs ?? Infinity))
          report.add("aborted-read", `${what} at ${event.completedMs}; the commit was asked for at ${end.invokedMs}`);
      }
    }
  }
  return shown;
}

interface Shown {
  readonly shown: ReadonlySet<string>;
  readonly logs: ReadonlyMap<string, SeenLog>;
  readonly report: Report;
}

/** At the very end of a history every partition has been read by a reader of committed records. */
function checkWhole(
  batches: readonly ProduceEvent[],
  ends: ReadonlyMap<string, TransactionEvent>,
  { shown, logs, report }: Shown,
): void {
  for (const [transaction, own] of Map.groupBy(batches, (batch) => batch.transaction as string)) {
    const end = ends.get(transaction);
    if (end === undefined || end.outcome === "aborted") continue;
    const ids = own.flatMap((batch) => expectedIds(batch, logs));
    const missing = ids.filter((id) => !shown.has(id));
    if (missing.length === 0 || (end.outcome === "unknown" && missing.length === ids.length)) continue;
    report.add(
      "torn-transaction",
      `${transaction} (${end.outcome}): ${missing[0]} was never shown, ${ids.length - missing.length} of its ${ids.length} records were`,
    );
  }
}

/** Acknowledged, and not deleted since. */
function expectedIds(batch: ProduceEvent, logs: ReadonlyMap<string, SeenLog>): string[] {
  const log = logs.get(keyOf(batch));
  if (log === undefined || batch.outcome !== "acknowledged" || log.history.isDoomed) return [];
  return batch.ids.filter((id, index) => log.whyNotMissing(batch.baseOffset + index, id) !== null);
}

function checkCopies(
  { transactionalId, crew = [transactionalId], partitions }: CopierEvent,
  batches: readonly ProduceEvent[],
  { ends, shown, logs, report }: Shown & { readonly ends: ReadonlyMap<string, TransactionEvent> },
): void {
  const copies = new Map<string, string>();
  // Copies that were deleted before anybody looked: they may have been shown.
  const deleted = new Set<string>();
  for (const { ids, copies: originals = [], ...batch } of batches) {
    const end = ends.get(batch.transaction as string);
    if (end === undefined || !crew.includes(end.transactionalId)) continue;
    const deletedBefore = logs.get(keyOf(batch))?.deletedBefore ?? 0;
    ids.forEach((id, index) => {
      const original = originals[index];
      if (end.outcome !== "aborted" && batch.baseOffset + index < deletedBefore) deleted.add(original);
      if (!shown.has(id)) return;
      const other = copies.get(original);
      if (other !== undefined)
        report.add("copied-twice", `${transactionalId}: ${original} was copied as ${other} and as ${id}`);
      copies.set(original, id);
    });
  }
  for (const partition of partitions) {
    const log = logs.get(keyOf(partition));
    if (log === undefined || log.history.isDoomed) continue;
    for (const [offset, { id }] of log.seen) {
      const original = `${id}@${offset}`;
      if (offset < log.deletedBefore || copies.has(original) || deleted.has(original)) continue;
      report.add("not-copied", `${transactionalId}: ${id} at ${offset} of ${keyOf(partition)} has no copy`);
    }
  }
}
