/** A log of this many records is rewritten when it is also `REWRITE_GROWTH` times as long as what lives in it. */
export const REWRITE_MIN_RECORDS = 50_000;

/** How many times the live state a log may hold before it is rewritten. */
export const REWRITE_GROWTH = 4;
