/** Classic groups in `__consumer_offsets`. `record.ts` says what stands before them. */
import {
  array,
  bytes,
  int32,
  int64,
  message,
  nullable,
  nullableString,
  preset,
  string,
  struct,
  versions,
} from "../schema.ts";

export const GroupMetadataKey = message(
  { apiKey: 2, min: 0, max: 0 },
  {
    group: string,
  },
);
export type GroupMetadataKey = ReturnType<typeof GroupMetadataKey.decode>;

const memberMetadata = struct({
  memberId: string,
  groupInstanceId: versions("3+", nullableString),
  clientId: string,
  clientHost: string,
  rebalanceTimeout: versions("1+", preset(-1, int32)),
  sessionTimeout: int32,
  subscription: bytes,
  assignment: bytes,
});

export const GroupMetadataValue = message(
  { apiKey: 2, min: 0, max: 4, flexible: 4 },
  {
    protocolType: string,
    generation: int32,
    protocol: nullable("0+", string),
    leader: nullable("0+", string),
    currentStateTimestamp: versions("2+", preset(-1, int64)),
    members: array(memberMetadata),
  },
);
export type GroupMetadataValue = ReturnType<typeof GroupMetadataValue.decode>;
