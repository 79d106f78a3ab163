import type { OffsetsEvent, ProduceEvent } from "./history.ts";
import type { Report } from "./report.ts";
import { RunningMax } from "./running-max.ts";

type Which = OffsetsEvent["which"];

/** What ListOffsets' places are held against. */
export interface KnownLog {
  readonly key: string;
  readonly offsets: readonly OffsetsEvent[];
  readonly produced: readonly ProduceEvent[];
  /** No reader has to find what lies before this. */
  readonly deletedBefore: number;
  /** Records may go from within it. */
  readonly isCompacted: boolean;
  /** What is known to be a record's timestamp at an offset. */
  timestampAt(offset: number): number | undefined;
}

/**
 * The places that ListOffsets tells, in their order: earliest, earliest local, behind the latest tiered, latest. None of them goes back, and
 * the record with the largest timestamp has it.
 */
export function checkPlaces(log: KnownLog, report: Report): void {
  const told = new Map<Which, RunningMax>();
  const of = (which: Which) => {
    const known = told.get(which) ?? new RunningMax();
    told.set(which, known);
    return known;
  };
  const fresh = log.offsets.filter((event) => event.completedMs !== null && report.mustBeFresh(event.invokedMs));
  for (const event of fresh) {
    const what = `${event.which} ${event.offset} for ${event.client}`;
    of(event.which).add(event.completedMs as number, event.offset, what);
  }
  const mustReach = (event: OffsetsEvent, which: Which, value = event.offset) => {
    const before = of(which).before(event.invokedMs);
    if (before === null || value >= before.value) return;
    report.add(
      "misplaced",
      `${log.key}: ${event.client} was told ${event.which} ${event.offset}, after ${before.what}`,
    );
  };
  for (const event of fresh) {
    switch (event.which) {
      case "earliest-local":
        mustReach(event, "earliest");
        mustReach(event, "earliest-local");
        break;
      case "earliest-pending":
        if (event.offset >= 0) mustReach(event, "earliest");
        break;
      case "latest-tiered":
        checkTiered(log, event, { mustReach, report, before: of("latest-tiered").before(event.invokedMs) });
        break;
      case "max-timestamp":
        checkLargest(log, event, report);
    }
  }
}

interface Tiered {
  readonly mustReach: (event: OffsetsEvent, which: Which, value?: number) => void;
  readonly report: Report;
  readonly before: { readonly value: number; readonly what: string } | null;
}

/** Where nothing is tiered any more, all that was has been deleted. */
function checkTiered(log: KnownLog, event: OffsetsEvent, { mustReach, report, before }: Tiered): void {
  if (event.offset >= 0) {
    mustReach(event, "earliest-local", event.offset + 1);
    mustReach(event, "latest-tiered");
  } else if (before !== null && before.value >= log.deletedBefore) {
    report.add("misplaced", `${log.key}: ${event.client} was told that nothing is tiered, after ${before.what}`);
  }
}

function checkLargest(log: KnownLog, event: OffsetsEvent, report: Report): void {
  if (log.isCompacted) return;
  const found = event.offset < 0 ? -1 : log.timestampAt(event.offset);
  if (found === undefined) return;
  const larger = log.produced.find(
    ({ outcome, completedMs, baseOffset, timestampMs = -1, transaction }) =>
      outcome === "acknowledged" &&
      transaction === undefined &&
      baseOffset >= log.deletedBefore &&
      (completedMs as number) < event.invokedMs &&
      timestampMs > found,
  );
  if (larger === undefined) return;
  const what = `${larger.ids[0]} at ${larger.baseOffset} has ${larger.timestampMs}`;
  report.add(
    "misplaced",
    `${log.key}: ${event.client} was told the largest timestamp at ${event.offset}, ${found}; ${what}`,
  );
}
