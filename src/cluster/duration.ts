const DURATION =
  /^([-+]?)P(?:([-+]?\d{1,15})D)?(T(?:([-+]?\d{1,15})H)?(?:([-+]?\d{1,15})M)?(?:([-+]?\d{1,15})(?:[.,](\d{0,9}))?S)?)?$/i;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** An ISO 8601 duration of days and less, as Java's `Duration` reads it, in milliseconds; null for what is none, and for one below zero. */
export function parseDurationMs(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null) return null;
  const [, sign, days, time, hours, minutes, seconds, fraction] = match;
  if (days === undefined && hours === undefined && minutes === undefined && seconds === undefined) return null;
  if (time !== undefined && time.length === 1) return null;
  const fractionMs = Math.floor(Number(`0.${fraction ?? "0"}`) * SECOND_MS) * (seconds?.startsWith("-") ? -1 : 1);
  const partsMs = [days, hours, minutes, seconds].map(
    (part, at) => Number(part ?? 0) * [DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS][at],
  );
  const sumMs = partsMs.reduce((sum, partMs) => sum + partMs, fractionMs) * (sign === "-" ? -1 : 1);
  return sumMs < 0 || !Number.isSafeInteger(sumMs) ? null : sumMs;
}
