import type { JoinedMember } from "../turn.ts";

const decoder = new TextDecoder("utf-8");

/**
 * The topics that all these consumers subscribe to together, or null when one of them says it in bytes that can't be read.
 *
 * Only the part that every version of the consumer protocol begins with is read (int16 version, then an int32 count of int16-length
 * strings). It is a client's blob that nothing may fail on: unreadable bytes only mean that offsets of a live group aren't expired.
 */
export function subscribedTopicsOf(members: readonly JoinedMember[]): ReadonlySet<string> | null {
  const topics = new Set<string>();
  for (const member of members) if (!readTopics(member.metadata, topics)) return null;
  return topics;
}

function readTopics(metadata: Uint8Array, topics: Set<string>): boolean {
  if (metadata.length < 6) return false;
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.byteLength);
  if (view.getInt16(0) < 0) return false;
  const count = view.getInt32(2);
  if (count < 0 || count > metadata.length / 2) return false;
  let position = 6;
  for (let i = 0; i < count; i++) {
    if (position + 2 > metadata.length) return false;
    const length = view.getInt16(position);
    position += 2;
    if (length < 0 || position + length > metadata.length) return false;
    topics.add(decoder.decode(metadata.subarray(position, position + length)));
    position += length;
  }
  return true;
}
