/**
 * `node scripts/derive-crc32c-nibbles.ts`: prints the tables of assembly/crc32c-nibbles.ts. Nothing runs this by itself; it says where
 * constants come from.
 *
 * 128 bytes are 4 rows of 32 columns. A column's 4 bytes, one of each row, stand for a polynomial of degree < 32 in a basis of
 * their own: bit i of a row is x^i moved by the 32 bytes of each row below (which is a basis; with rows of 16 it would be
 * none). What is done to a column is linear, so it takes a table of 16 bytes for each nibble of the 4 bytes and each byte of
 * the result; and it is the same for all columns, so one instruction can look up 16 of them.
 *
 * - MOVED moves a column 128 bytes on, in that basis;
 * - LEFT and RIGHT turn a column of the left or the right half into a word, so that the word of column j of either half at
 *   position j of 19 bytes has the CRC of the whole.
 */
const POLYNOMIAL = 0x82f63b78;
const ROWS = 4;
const ROW_BYTES = 32;
const HALF_ROW_BYTES = 16;
const REST_BYTES = 19;

/** The CRC state `count` zero bytes later, or earlier when negative. */
function pastZeros(state: number, count: number): number {
  let crc = state >>> 0;
  for (let bit = 0; bit < 8 * count; bit++) crc = ((crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)) >>> 0;
  for (let bit = 0; bit < -8 * count; bit++) {
    crc = crc >>> 31 ? (((crc ^ POLYNOMIAL) << 1) | 1) >>> 0 : (crc << 1) >>> 0;
  }
  return crc;
}

/** What bit `bit` of row `row` is worth at the end of the block, up to a factor that depends on the column alone. */
function worth(row: number, bit: number): number {
  return pastZeros(1 << bit, (ROWS - 1 - row) * ROW_BYTES);
}

/** Finds the bits, of 32 (8 to a row), whose worths add up to a value. */
function solver(): (value: number) => number {
  const pivots = new Map<number, { value: number; bits: number }>();
  const reduce = (start: { value: number; bits: number }) => {
    let { value, bits } = start;
    for (let top = 31; top >= 0; top--) {
      const pivot = pivots.get(top);
      if (((value >>> top) & 1) === 0 || pivot === undefined) continue;
      value = (value ^ pivot.value) >>> 0;
      bits = (bits ^ pivot.bits) >>> 0;
    }
    return { value, bits };
  };
  for (let index = 0; index < 8 * ROWS; index++) {
    const rest = reduce({ value: worth(index >> 3, index & 7), bits: (1 << index) >>> 0 });
    if (rest.value === 0) throw new Error("the rows are no basis");
    pivots.set(31 - Math.clz32(rest.value), rest);
  }
  return (value) => reduce({ value, bits: 0 }).bits;
}

/** The 32 tables of a linear map, given the result for each bit of each row. */
function print(name: string, result: (row: number, bit: number) => number): void {
  console.log(`const ${name} = memory.data<u8>([`);
  for (let nibble = 0; nibble < 2 * ROWS; nibble++) {
    const results = Array.from({ length: 16 }, (_, value) => {
      let sum = 0;
      for (let bit = 0; bit < 4; bit++) {
        if ((value >> bit) & 1) sum ^= result(nibble >> 1, 4 * (nibble & 1) + bit);
      }
      return sum >>> 0;
    });
    for (let byte = 0; byte < 4; byte++) {
      const bytes = results.map((word) => `0x${((word >>> (8 * byte)) & 0xff).toString(16).padStart(2, "0")}`);
      console.log(`  ${bytes.join(", ")},`);
    }
  }
  console.log("], 16);\n");
}

const solve = solver();
/** How far a byte of the first row is from the end of its column's word among the last 19 bytes, less than its column. */
const first = ROWS * ROW_BYTES - REST_BYTES;
print("MOVED", (row, bit) => solve(pastZeros(worth(row, bit), ROWS * ROW_BYTES)));
print("LEFT", (row, bit) => pastZeros(1 << bit, first - row * ROW_BYTES));
print("RIGHT", (row, bit) => pastZeros(1 << bit, first - HALF_ROW_BYTES - row * ROW_BYTES));
