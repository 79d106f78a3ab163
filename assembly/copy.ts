// Copies that may write up to 15 bytes more than asked: every buffer has slack behind it, and what comes next in the
// output overwrites them.

/** From here on the engine's own copy is faster than a loop of 16 bytes. */
const BULK_BYTES: u32 = 256;

/** Copies `length` bytes that don't overlap. */
export function copyLiterals(to: usize, from: usize, length: u32): void {
  if (length > BULK_BYTES) {
    memory.copy(to, from, length);
    return;
  }
  const end = to + length;
  while (to < end) {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  }
}

// Row `offset`, of 16 bytes, repeats 0 … offset-1: swizzling by it spreads a short pattern over a whole vector.
const PATTERNS = memory.data(16 * 16, 16);
// How far the pattern advances: the most whole repetitions that fit in 16 bytes.
const STEPS = memory.data(16, 16);

for (let offset: u32 = 1; offset < 16; offset++) {
  for (let lane: u32 = 0; lane < 16; lane++) store<u8>(PATTERNS + offset * 16 + lane, <u8>(lane % offset));
  store<u8>(STEPS + offset, <u8>(16 - (16 % offset)));
}

/** Copies `length` bytes from `offset` bytes before `to`, repeating what it has just written when they overlap. */
export function copyMatch(to: usize, offset: u32, length: u32): void {
  const end = to + length;
  if (offset >= 16) {
    do {
      v128.store(to, v128.load(to - offset));
      to += 16;
    } while (to < end);
    return;
  }
  const pattern = i8x16.swizzle(v128.load(to - offset), v128.load(PATTERNS + (offset << 4)));
  const step: usize = load<u8>(STEPS + offset);
  do {
    v128.store(to, pattern);
    to += step;
  } while (to < end);
}

/**
 * How many bytes from `left` and from `right` on are equal. `left` stops at `end`, which is beyond it. The next search waits for the
 * answer, and eight bytes by plain numbers give it sooner than 16 by vectors; far from the end nothing has to be cut either.
 */
// @ts-ignore: a decorator of AssemblyScript's
@inline
export function matchLength(left: usize, right: usize, end: usize): u32 {
  if (left + 32 <= end) {
    let different = load<u64>(left) ^ load<u64>(right);
    if (different != 0) return <u32>(ctz(different) >> 3);
    different = load<u64>(left, 8) ^ load<u64>(right, 8);
    if (different != 0) return 8 + <u32>(ctz(different) >> 3);
    different = load<u64>(left, 16) ^ load<u64>(right, 16);
    if (different != 0) return 16 + <u32>(ctz(different) >> 3);
    different = load<u64>(left, 24) ^ load<u64>(right, 24);
    if (different != 0) return 24 + <u32>(ctz(different) >> 3);
    return 32 + longMatchLength(left + 32, right + 32, end);
  }
  return longMatchLength(left, right, end);
}

function longMatchLength(left: usize, right: usize, end: usize): u32 {
  const start = left;
  while (left < end) {
    // Loads may pass the end by up to 15 bytes of slack; the result is cut below.
    const different = ~i8x16.bitmask(i8x16.eq(v128.load(left), v128.load(right))) & 0xffff;
    if (different != 0) {
      left += ctz(different);
      break;
    }
    left += 16;
    right += 16;
  }
  return <u32>((left < end ? left : end) - start);
}

/** How many bytes before `left` and before `right` are equal, `most` at most. */
// @ts-ignore: a decorator of AssemblyScript's
@inline
export function matchBefore(left: usize, right: usize, most: u32): u32 {
  let length: u32 = 0;
  while (length < most) {
    const different = load<u64>(left - length - 8) ^ load<u64>(right - length - 8);
    if (different != 0) return min<u32>(length + <u32>(clz(different) >> 3), most);
    length += 8;
  }
  return most;
}
