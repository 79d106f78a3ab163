/** Base64 of RFC 4648, section 4; padding may be left out on the way in. */

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** How many bytes become characters in one call: a call takes a bounded number of arguments. */
const SLICE_BYTES = 8_192;

/** Null when the text is no base64. */
export function fromBase64(text: string): Uint8Array | null {
  const digits = text.replace(/=+$/, "").length;
  const isPadded = digits !== text.length;
  if (!BASE64.test(text) || digits % 4 === 1 || (isPadded && text.length % 4 !== 0)) return null;
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(at, at + SLICE_BYTES));
  }
  return btoa(binary);
}
