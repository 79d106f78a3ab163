// Why a decoder refuses its input: the same causes as DecodeFailure in src/kernels/kernels.ts, by number.
export const CORRUPT: i32 = -1;
export const CHECKSUM: i32 = -2;
export const TOO_LARGE: i32 = -3;
export const UNSUPPORTED: i32 = -4;
