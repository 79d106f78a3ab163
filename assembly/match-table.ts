// Where four bytes were last seen in the current block of at most 64 KB, as offsets from its start. LZ4 and Snappy share it.
export const HASH_BITS: u32 = 13;
export const TABLE = memory.data(2 << 13, 16);

export function clearTable(): void {
  memory.fill(TABLE, 0, 2 << HASH_BITS);
}

export function slotOf(sequence: u32): usize {
  return <usize>((sequence * 0x9e3779b1) >> (32 - HASH_BITS)) << 1;
}
