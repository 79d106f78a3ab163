// InitializeShareGroupState (83), version 0. From a group coordinator to the share coordinator (KIP-932): a share partition begins, or begins
// anew, with a state epoch and a start offset (-1: its leader looks for one when it is first fetched).
// Departures from Kafka: `__share_group_state` is created when it isn't there.

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from "#protocol/messages/83-initialize-share-group-state.ts";
import { handler } from "../handler.ts";
import { forEachPartition } from "../share/state-requests.ts";

export const initializeShareGroupState = handler({
  request: InitializeShareGroupStateRequest,
  response: InitializeShareGroupStateResponse,
  min: 0,
  max: 0,
  async handle({ broker }, request) {
    const results = await forEachPartition(request, async (key, state) => {
      const errorCode = await broker.shares.coordinators.initialize(key, state);
      return { errorCode, errorMessage: errorCode === ErrorCode.NONE ? null : errorMessage(errorCode) };
    });
    return { results };
  },
});
