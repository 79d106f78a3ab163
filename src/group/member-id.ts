import { UUID_BYTES, type Uuid, uuidToBytes } from "#bytes/uuid.ts";

/** A UUID in its usual form of five groups of hexadecimal digits: what Kafka ends member ids with. */
export function uuidText(uuid: Uuid): string {
  const bytes = new Uint8Array(UUID_BYTES);
  uuidToBytes(uuid, bytes);
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [8, 12, 16, 20, 32].map((end, index, ends) => digits.slice(index === 0 ? 0 : ends[index - 1], end)).join("-");
}
