import type { HistoryEvent, ProduceEvent } from "./history.ts";
import { keyOf } from "./history.ts";
import type { SeenLog } from "./logs.ts";
import type { Report } from "./report.ts";

const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;

/** What producers are promised about their records, held against what readers found. */
export function checkProducers(
  history: readonly HistoryEvent[],
  logs: ReadonlyMap<string, SeenLog>,
  report: Report,
): void {
  const batches = history.filter((event) => event.type === "produce");
  const byId = new Map<string, ProduceEvent>();
  for (const batch of batches) for (const id of batch.ids) byId.set(id, batch);
  for (const log of logs.values()) checkOrigins(log, byId, report);
  const sessions = new Map<string, ProduceEvent[]>();
  for (const batch of batches) {
    const log = logs.get(keyOf(batch));
    if (log === undefined) continue;
    checkRepeats(batch, log, report);
    checkWhole(batch, log, report);
    if (batch.idempotent && batch.errorCode === OUT_OF_ORDER_SEQUENCE_NUMBER) {
      report.add(
        "sequence-refused",
        `${log.history.key}: ${batch.ids[0]} was in its order and was called out of order`,
      );
    }
    if (!batch.ordered) continue;
    const session = `${batch.session} ${log.history.key}`;
    const others = sessions.get(session);
    if (others === undefined) sessions.set(session, [batch]);
    else others.push(batch);
  }
  for (const session of sessions.values()) checkOrder(session, logs.get(keyOf(session[0])) as SeenLog, report);
}

/** Nobody reads what nobody sent, or what was refused, or what was sent elsewhere, or before it was sent. */
function checkOrigins(log: SeenLog, byId: ReadonlyMap<string, ProduceEvent>, report: Report): void {
  const { key } = log.history;
  for (const [offset, { id, atMs }] of log.seen) {
    const batch = byId.get(id);
    if (batch === undefined) report.add("phantom", `${key}: ${id} at ${offset} was never sent`);
    else if (keyOf(batch) !== key) report.add("phantom", `${key}: ${id} at ${offset} was sent to ${keyOf(batch)}`);
    else if (batch.outcome === "refused")
      report.add("phantom", `${key}: ${id} at ${offset} was refused with error ${batch.errorCode}`);
    else if (atMs < batch.invokedMs) report.add("phantom", `${key}: ${id} at ${offset} was read before it was sent`);
  }
}

/** A record is there twice only when its producer isn't idempotent and sent it twice. */
function checkRepeats(batch: ProduceEvent, log: SeenLog, report: Report): void {
  if (!batch.idempotent && batch.attempts > 1) return;
  for (const id of batch.ids) {
    const places = log.places.get(id);
    if (places === undefined || places.length < 2) continue;
    const how = batch.idempotent ? "an idempotent producer" : "a producer that sent it once";
    report.add("duplicated", `${log.history.key}: ${id} of ${how} is at ${places.join(" and ")}`);
  }
}

/** A batch is in the log as a whole and in one piece, each time that it is there. */
function checkWhole(batch: ProduceEvent, log: SeenLog, report: Report): void {
  if (batch.ids.length < 2) return;
  batch.ids.forEach((id, index) => {
    for (const offset of log.places.get(id) ?? []) {
      batch.ids.forEach((other, at) => {
        const place = offset - index + at;
        const there = log.seen.get(place);
        if (there?.id === other) return;
        // A reader that began in the middle, or a log that was cut there, shows only the end of a batch.
        if (there === undefined && log.whyNotMissing(place, other) === null) return;
        if (there === undefined && !isRead(log, place)) return;
        report.add(
          "torn",
          `${log.history.key}: ${id} is at ${offset}, but ${other} of the same batch isn't at ${place}`,
        );
      });
    }
  });
}

function isRead(log: SeenLog, offset: number): boolean {
  return log.history.fetched.some(
    (event) => event.errorCode === 0 && event.offset <= offset && offset < event.nextOffset,
  );
}

/** First places rise with the order of sending; of plain producers only for what was acknowledged. */
function checkOrder(session: ProduceEvent[], log: SeenLog, report: Report): void {
  session.sort((one, other) => one.order - other.order);
  let last: { readonly offset: number; readonly id: string } | null = null;
  for (const batch of session) {
    if (!batch.idempotent && batch.acks !== 0 && batch.outcome !== "acknowledged") continue;
    // Of what was sent twice compaction takes the first away.
    if (log.compaction !== null && !batch.idempotent && batch.attempts > 1) continue;
    for (const [index, id] of batch.ids.entries()) {
      const places = log.places.get(id);
      if (places === undefined) continue;
      // Where it was acknowledged is a place, too, though it may have been deleted before anybody read it there.
      const acknowledgedAt = batch.baseOffset >= 0 ? batch.baseOffset + index : Infinity;
      const offset = Math.min(acknowledgedAt, ...places);
      if (last !== null && offset < last.offset) {
        report.add(
          "reordered",
          `${log.history.key}: ${id} at ${offset} was sent after ${last.id} at ${last.offset} (session ${batch.session})`,
        );
      }
      last = { offset, id };
    }
  }
}
