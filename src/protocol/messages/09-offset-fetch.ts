/** OffsetFetch. Versions up to 7 ask for one group at the top level, 8 and later for several in `groups`. */
import {
  array,
  boolean,
  int16,
  int32,
  int64,
  message,
  nullable,
  nullableArray,
  nullableString,
  preset,
  string,
  struct,
  uuid,
  versions,
} from "../schema.ts";

export const OffsetFetchRequest = message(
  { apiKey: 9, min: 1, max: 10, flexible: 6 },
  {
    groupId: versions("0-7", string),
    topics: versions("0-7", nullable("2-7", array(struct({ name: string, partitionIndexes: array(int32) })))),
    groups: versions(
      "8+",
      array(
        struct({
          groupId: string,
          memberId: versions("9+", nullableString),
          memberEpoch: versions("9+", preset(-1, int32)),
          topics: nullableArray(
            struct({ name: versions("8-9", string), topicId: versions("10+", uuid), partitionIndexes: array(int32) }),
          ),
        }),
      ),
    ),
    requireStable: versions("7+", boolean),
  },
);
export type OffsetFetchRequest = ReturnType<typeof OffsetFetchRequest.decode>;

export const OffsetFetchResponse = message(
  { apiKey: 9, min: 1, max: 10, flexible: 6 },
  {
    throttleTimeMs: versions("3+", int32),
    topics: versions(
      "0-7",
      array(
        struct({
          name: string,
          partitions: array(
            struct({
              partitionIndex: int32,
              committedOffset: int64,
              committedLeaderEpoch: versions("5-7", preset(-1, int32)),
              metadata: nullable("0+", string),
              errorCode: int16,
            }),
          ),
        }),
      ),
    ),
    errorCode: versions("2-7", int16),
    groups: versions(
      "8+",
      array(
        struct({
          groupId: string,
          topics: array(
            struct({
              name: versions("8-9", string),
              topicId: versions("10+", uuid),
              partitions: array(
                struct({
                  partitionIndex: int32,
                  committedOffset: int64,
                  committedLeaderEpoch: preset(-1, int32),
                  metadata: nullable("0+", string),
                  errorCode: int16,
                }),
              ),
            }),
          ),
          errorCode: int16,
        }),
      ),
    ),
  },
);
export type OffsetFetchResponse = ReturnType<typeof OffsetFetchResponse.decode>;
