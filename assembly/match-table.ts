// Where five bytes were last seen in the current block of at most 64 KB, as offsets from its start. LZ4 and Snappy share it. Five
// find longer matches than the four that a match needs: fewer of them, and that is both faster and smaller.
// A small block gets a small table: clearing the whole would cost more than compressing.
const MAX_HASH_BITS: u32 = 13;
const MIN_HASH_BITS: u32 = 8;
export const TABLE = memory.data(2 << 13, 16);

/** Spreads the low five bytes of eight over 64 bits, and shifts the others out. */
const SPREAD: u64 = 889523592379 << 24;

/** Empties a table for a block of `length` bytes. Returns the shift that `slotOf` needs. */
export function clearTable(length: u32): u32 {
  const bits = max(MIN_HASH_BITS, min(MAX_HASH_BITS, 32 - clz<u32>(length - 1)));
  memory.fill(TABLE, 0, 2 << bits);
  return 32 - bits;
}

// @ts-ignore: a decorator of AssemblyScript's
@inline
export function slotOf(bytes: u64, shift: u32): usize {
  return <usize>((bytes * SPREAD) >> (shift + 31)) & ~1;
}
