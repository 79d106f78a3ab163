// WriteShareGroupState (85), versions 0-1. From a partition's leader to the share coordinator (KIP-932): what has changed in a share partition.
// Answered when it is stored. Version 1 tells how many records behind the start offset are done (KIP-1226).
// Departures from Kafka: batches that make no sense are refused with INVALID_REQUEST (Kafka stores them, and can't load them afterwards), and
// so many that they don't fit into a record with POLICY_VIOLATION.

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  WriteShareGroupStateRequest,
  WriteShareGroupStateResponse,
} from "#protocol/messages/85-write-share-group-state.ts";
import { handler } from "../handler.ts";
import { forEachPartition } from "../share/state-requests.ts";

export const writeShareGroupState = handler({
  request: WriteShareGroupStateRequest,
  response: WriteShareGroupStateResponse,
  min: 0,
  max: 1,
  async handle({ broker }, request) {
    const results = await forEachPartition(request, async (key, write) => {
      const errorCode = await broker.shares.coordinators.write(key, write);
      return { errorCode, errorMessage: errorCode === ErrorCode.NONE ? null : errorMessage(errorCode) };
    });
    return { results };
  },
});
