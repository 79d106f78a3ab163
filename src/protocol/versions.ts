/** A range of versions, both ends inclusive; `max` is Infinity in "3+". An empty range has `min > max`. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

export const ALL_VERSIONS: VersionRange = { min: 0, max: Number.POSITIVE_INFINITY };
export const NO_VERSIONS: VersionRange = { min: 1, max: 0 };

/** Reads Kafka's notation: "3+", "0-12", "7" or "none". */
export function parseVersions(text: string): VersionRange {
  if (text === "none") return NO_VERSIONS;
  const match = /^(\d+)(\+|-(\d+))?$/.exec(text);
  if (match === null) throw new Error(`not a version range: ${text}`);
  const min = Number(match[1]);
  if (match[2] === undefined) return { min, max: min };
  return { min, max: match[3] === undefined ? Number.POSITIVE_INFINITY : Number(match[3]) };
}

export function includes(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max;
}

/** The part of `range` that lies in `bounds`. */
export function intersect(range: VersionRange, bounds: VersionRange): VersionRange {
  const min = Math.max(range.min, bounds.min);
  const max = Math.min(range.max, bounds.max);
  return min > max ? NO_VERSIONS : { min, max };
}
