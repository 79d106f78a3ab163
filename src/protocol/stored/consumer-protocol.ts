/** What consumers of the classic protocol tell each other through JoinGroup and SyncGroup, behind a 16-bit version. */
import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import {
  array,
  type Draft,
  int32,
  type Message,
  message,
  nullableBytes,
  nullableString,
  preset,
  string,
  struct,
  versions,
} from "../schema.ts";

export const ConsumerProtocolSubscription = message(
  { min: 0, max: 3 },
  {
    topics: array(string),
    userData: nullableBytes,
    ownedPartitions: versions(
      "1+",
      array(
        struct({
          topic: string,
          partitions: array(int32),
        }),
      ),
    ),
    generationId: versions("2+", preset(-1, int32)),
    rackId: versions("3+", nullableString),
  },
);
export type ConsumerProtocolSubscription = ReturnType<typeof ConsumerProtocolSubscription.decode>;

export const ConsumerProtocolAssignment = message(
  { min: 0, max: 3 },
  {
    assignedPartitions: array(
      struct({
        topic: string,
        partitions: array(int32),
      }),
    ),
    userData: nullableBytes,
  },
);
export type ConsumerProtocolAssignment = ReturnType<typeof ConsumerProtocolAssignment.decode>;

/** Reads a subscription or assignment; a version newer than ours is read as our newest, since later versions only append fields. */
export function decodeConsumerProtocol<T>(table: Message<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version < table.min) throw new MalformedMessageError(`consumer protocol version ${version}`);
  return table.decode(reader, Math.min(version, table.max));
}

/** Writes a subscription or assignment behind its version. */
export function encodeConsumerProtocol<T>(table: Message<T>, draft: Draft<T>, version: number): Uint8Array {
  const writer = new Writer();
  writer.int16(version);
  table.encode(writer, draft, version);
  return writer.finish();
}
