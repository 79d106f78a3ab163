/** Sequences are counted in 31 bits: behind 2^31 - 1 comes 0. */
const SEQUENCES = 2 ** 31;

export function addSequence(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

/** How far `to` lies behind `from`; negative where it lies before it, by the shorter way around. */
export function sequenceDistance(from: number, to: number): number {
  const ahead = (to - from + SEQUENCES) % SEQUENCES;
  return ahead < SEQUENCES / 2 ? ahead : ahead - SEQUENCES;
}
