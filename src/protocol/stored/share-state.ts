/** Share partitions in `__share_group_state` (KIP-932). `record.ts` says what stands before them. */
import { array, int8, int16, int32, int64, message, preset, string, struct, tagged, uuid } from "../schema.ts";

export const ShareSnapshotKey = message(
  { apiKey: 0, min: 0, max: 0 },
  {
    groupId: string,
    topicId: uuid,
    partition: int32,
  },
);
export type ShareSnapshotKey = ReturnType<typeof ShareSnapshotKey.decode>;

export const ShareSnapshotValue = message(
  { apiKey: 0, min: 0, max: 0, flexible: 0 },
  {
    snapshotEpoch: int32,
    stateEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    deliveryCompleteCount: tagged(0, "0+", preset(-1, int32)),
    createTimestamp: int64,
    writeTimestamp: int64,
    stateBatches: array(
      struct({
        firstOffset: int64,
        lastOffset: int64,
        deliveryState: int8,
        deliveryCount: int16,
      }),
    ),
  },
);
export type ShareSnapshotValue = ReturnType<typeof ShareSnapshotValue.decode>;

export const ShareUpdateKey = message(
  { apiKey: 1, min: 0, max: 0 },
  {
    groupId: string,
    topicId: uuid,
    partition: int32,
  },
);
export type ShareUpdateKey = ReturnType<typeof ShareUpdateKey.decode>;

export const ShareUpdateValue = message(
  { apiKey: 1, min: 0, max: 0, flexible: 0 },
  {
    snapshotEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    deliveryCompleteCount: tagged(0, "0+", preset(-1, int32)),
    stateBatches: array(
      struct({
        firstOffset: int64,
        lastOffset: int64,
        deliveryState: int8,
        deliveryCount: int16,
      }),
    ),
  },
);
export type ShareUpdateValue = ReturnType<typeof ShareUpdateValue.decode>;
