/** What came out of a chaos run, as tables. */
import type { HistoryEvent, ProduceEvent } from "../checker/history.ts";
import type { ChaosReport } from "./run.ts";

export function verdictOf(report: ChaosReport): string[] {
  const faults = report.faults.map(({ kind }) => kind);
  const counts = [...Map.groupBy(faults, (kind) => kind)].map(([kind, own]) => `${own.length} ${kind}`);
  const restarts = report.restartsMs.toSorted((one, other) => one - other);
  const median = Math.round(restarts[Math.floor(restarts.length / 2)] ?? 0);
  const { connections, cut } = report.proxy;
  return [
    `Faults: ${faults.length} (${counts.join(", ")}); ${restarts.length} starts of the broker, median ${median} ms; ${cut} of ${connections} connections cut.`,
    "",
    ...producerTable(report.history),
    "",
    ...groupTable(report.history),
    "",
    ...anomalyTable(report),
  ];
}

function producerTable(history: readonly HistoryEvent[]): string[] {
  const batches = Map.groupBy(
    history.filter((event) => event.type === "produce"),
    (event) => event.client,
  );
  const records = (own: readonly ProduceEvent[], outcome: string) =>
    own.filter((event) => event.outcome === outcome).reduce((sum, event) => sum + event.ids.length, 0);
  const read = readCounts(history);
  const rows = [...batches]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([session, own]) => {
      const found = own.flatMap((event) => event.ids).map((id) => read.get(id) ?? 0);
      const there = found.filter((count) => count > 0).length;
      const twice = found.filter((count) => count > 1).length;
      return `| ${[session, records(own, "acknowledged"), records(own, "unknown"), records(own, "refused"), there, twice].join(" | ")} |`;
    });
  return [
    "| producer | acknowledged | nobody knows | refused | in the log | there more than once |",
    "|---|---|---|---|---|---|",
    ...rows,
  ];
}

/** How often each record is in the log, as the reader that read most has found. */
function readCounts(history: readonly HistoryEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  const whole = history.filter((event) => event.type === "fetch" && event.group === null);
  const byReader = [...Map.groupBy(whole, (event) => ("client" in event ? event.client : "")).values()];
  for (const event of byReader[0] ?? []) {
    if (event.type === "fetch") for (const { id } of event.records) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

function groupTable(history: readonly HistoryEvent[]): string[] {
  const groups = new Map<string, Record<"read" | "commits" | "unknown" | "assignments" | "generation", number>>();
  for (const event of history) {
    if (!("group" in event) || event.group === null) continue;
    const row = groups.get(event.group) ?? { read: 0, commits: 0, unknown: 0, assignments: 0, generation: 0 };
    groups.set(event.group, row);
    if (event.type === "fetch") row.read += event.records.length;
    if (event.type === "commit") row[event.outcome === "acknowledged" ? "commits" : "unknown"]++;
    if (event.type !== "assignment") continue;
    row.assignments++;
    row.generation = Math.max(row.generation, event.generation);
  }
  const rows = [...groups].map(([group, row]) => `| ${[group, ...Object.values(row)].join(" | ")} |`);
  return [
    "| group | records read | commits acknowledged | nobody knows | assignments | last generation |",
    "|---|---|---|---|---|---|",
    ...rows,
  ];
}

function anomalyTable({ anomalies, problems, history }: ChaosReport): string[] {
  const byRule = [...Map.groupBy(anomalies, ({ rule }) => rule)];
  const rows = byRule.flatMap(([rule, own]) => [`${rule}: ${own.length}`, ...own.map(({ message }) => `  ${message}`)]);
  const count = anomalies.length + problems.length;
  return [
    ...rows,
    ...problems.map((problem) => `problem: ${problem}`),
    count === 0
      ? `No anomaly in ${history.length} events.`
      : `${anomalies.length} anomalies, ${problems.length} problems in ${history.length} events.`,
  ];
}
