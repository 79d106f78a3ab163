import { MalformedMessageError } from "./malformed.ts";

/** A 128-bit id in Kafka's text form: base64url, 22 characters, no padding. */
export type Uuid = string;

/** The id that stands for "none". */
export const ZERO_UUID: Uuid = "AAAAAAAAAAAAAAAAAAAAAA";

export const UUID_BYTES = 16;
const UUID_CHARACTERS = 22;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CODE_OF = new Uint8Array(64);
const VALUE_OF = new Int8Array(128).fill(-1);
for (let value = 0; value < 64; value++) {
  CODE_OF[value] = ALPHABET.charCodeAt(value);
  VALUE_OF[ALPHABET.charCodeAt(value)] = value;
}

/** Reads the 16 bytes at `at`; the caller has checked that they are there. */
export function uuidFromBytes(bytes: Uint8Array, at = 0): Uuid {
  let isZero = true;
  for (let i = at; i < at + UUID_BYTES && isZero; i++) isZero = bytes[i] === 0;
  if (isZero) return ZERO_UUID;
  let text = "";
  for (let i = at; i < at + 15; i += 3) {
    const word = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
    text += String.fromCharCode(
      CODE_OF[word >> 18],
      CODE_OF[(word >> 12) & 63],
      CODE_OF[(word >> 6) & 63],
      CODE_OF[word & 63],
    );
  }
  const last = bytes[at + 15];
  return text + String.fromCharCode(CODE_OF[last >> 2], CODE_OF[(last & 3) << 4]);
}

/** Writes the 16 bytes of `uuid` at `at`. Text that is no uuid throws `MalformedMessageError`: it may come from a URL or a config. */
export function uuidToBytes(uuid: Uuid, into: Uint8Array, at = 0): void {
  if (uuid === ZERO_UUID) {
    into.fill(0, at, at + UUID_BYTES);
    return;
  }
  if (uuid.length !== UUID_CHARACTERS) throw new MalformedMessageError("a uuid has 22 characters");
  let invalid = 0;
  let bits = 0;
  let bitCount = 0;
  let position = at;
  for (let i = 0; i < UUID_CHARACTERS; i++) {
    const code = uuid.charCodeAt(i);
    const value = code < 128 ? VALUE_OF[code] : -1;
    invalid |= value;
    bits = ((bits << 6) | (value & 63)) & 0xffff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      into[position++] = bits >> bitCount;
    }
  }
  if (invalid < 0 || (bits & 15) !== 0) throw new MalformedMessageError("not a base64url uuid");
}
