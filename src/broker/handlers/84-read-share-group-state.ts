// ReadShareGroupState (84), version 0. From a partition's leader to the share coordinator (KIP-932): what is stored of a share partition. The
// leader is known by its epoch from then on, and older ones are fenced.

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  ReadShareGroupStateRequest,
  ReadShareGroupStateResponse,
} from "#protocol/messages/84-read-share-group-state.ts";
import { handler } from "../handler.ts";
import { forEachPartition } from "../share/state-requests.ts";

export const readShareGroupState = handler({
  request: ReadShareGroupStateRequest,
  response: ReadShareGroupStateResponse,
  min: 0,
  max: 0,
  async handle({ broker }, request) {
    const results = await forEachPartition(request, async (key, { leaderEpoch }) => {
      const state = await broker.shares.coordinators.read(key, leaderEpoch);
      return { ...state, errorMessage: state.errorCode === ErrorCode.NONE ? "" : errorMessage(state.errorCode) };
    });
    return { results };
  },
});
