/** Next offset by partition. */
export type Positions = ReadonlyMap<number, number>;

const CURSOR = /^\d{1,10}:\d{1,16}(,\d{1,10}:\d{1,16})*$/;

/** The resume point of a live tail as text, `0:15,1:20`: partition and next offset, ascending. */
export function formatCursor(positions: Positions): string {
  let text = "";
  for (const [partition, offset] of positions) text += `${text === "" ? "" : ","}${partition}:${offset}`;
  return text;
}

/** Reads what `formatCursor` wrote; null for anything else. */
export function parseCursor(text: string): Positions | null {
  if (!CURSOR.test(text)) return null;
  const positions = new Map<number, number>();
  for (const item of text.split(",")) {
    const [partition, offset] = item.split(":").map(Number);
    if (positions.has(partition) || !Number.isSafeInteger(offset)) return null;
    positions.set(partition, offset);
  }
  return positions;
}
