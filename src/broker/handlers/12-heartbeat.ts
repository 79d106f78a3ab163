// Heartbeat (12), versions 0-4. Keeps a member of the classic protocol alive, in a classic or a consumer group, and tells it of a
// rebalance by REBALANCE_IN_PROGRESS.
// Departures from Kafka: while the coordinator loads, the answer waits for the load instead of being NONE.

import { HeartbeatRequest, HeartbeatResponse } from "#protocol/messages/12-heartbeat.ts";
import { handler } from "../handler.ts";

export const heartbeat = handler({
  request: HeartbeatRequest,
  response: HeartbeatResponse,
  min: 0,
  max: 4,
  async handle({ broker }, { groupId, generationId, memberId, groupInstanceId }) {
    return { errorCode: await broker.groups.heartbeat({ groupId, generationId, memberId, groupInstanceId }) };
  },
});
