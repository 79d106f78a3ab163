/** Rounds, medians and spread. Targets take turns within each round, so that a busy moment of the machine hits all of them. */

export interface Measured {
  /** What was measured, `produce 1 KB, 1 partition, 1 MB batches`. */
  readonly name: string;
  readonly target: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: readonly number[];
}

/** One figure of one run. */
export interface Sample {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
}

export interface Runnable<T> {
  readonly name: string;
  readonly subject: T;
}

/** Runs `work` on each subject in each round; the order turns around every other round. */
export async function inRounds<T>(
  rounds: number,
  subjects: readonly Runnable<T>[],
  work: (subject: T) => Promise<readonly Sample[]>,
): Promise<Measured[]> {
  const samples = new Map<string, { sample: Sample; target: string; values: number[] }>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, subject } of round % 2 === 0 ? subjects : subjects.toReversed()) {
      for (const sample of await work(subject)) {
        const key = `${sample.name}/${name}`;
        const known = samples.get(key) ?? { sample, target: name, values: [] };
        known.values.push(sample.value);
        samples.set(key, known);
      }
    }
  }
  return [...samples.values()].map(({ sample, target, values }) => {
    return { name: sample.name, target, unit: sample.unit, ...spread(values) };
  });
}

export function spread(rounds: readonly number[]): Pick<Measured, "median" | "min" | "max" | "rounds"> {
  const sorted = rounds.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1], rounds };
}
