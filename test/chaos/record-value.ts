/** Record values that name themselves and show when a byte of them is missing. The Java and Python drivers make the same. */

const LEAST_BYTES = 40;
const SIZES = 500;
const STEP = 37;

/** `producer#number`, unique in a history. */
export function recordId(producer: string, number: number): string {
  return `${producer}#${number}`;
}

export function valueOf(id: string): string {
  const number = Number(id.slice(id.lastIndexOf("#") + 1));
  const size = LEAST_BYTES + ((number * STEP) % SIZES);
  const piece = `${id}|`;
  return piece.repeat(Math.ceil(size / piece.length)).slice(0, Math.max(size, piece.length));
}

/** The id of a value; `?` for one that isn't whole. */
export function idOf(value: Buffer | string | null): string {
  const text = value === null ? "" : value.toString();
  const id = text.slice(0, Math.max(text.indexOf("|"), 0));
  return id !== "" && text === valueOf(id) ? id : "?";
}
