/** A change of one source file in memory: a limit made small, or a bug sown. */
export interface Rewrite {
  /** From the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** @throws Error when the snippet isn't there exactly once: then the list is out of date. */
export function rewritten(source: string, { file, from, to }: Rewrite): string {
  const at = source.indexOf(from);
  if (at < 0) throw new Error(`${file} does not hold ${JSON.stringify(from)} any more`);
  if (source.indexOf(from, at + 1) >= 0) throw new Error(`${file} holds ${JSON.stringify(from)} more than once`);
  return source.slice(0, at) + to + source.slice(at + from.length);
}
