// DeleteShareGroupState (86), version 0. From a group coordinator to the share coordinator (KIP-932): what is stored of a share partition is
// forgotten. Deleting what isn't there is no error.

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  DeleteShareGroupStateRequest,
  DeleteShareGroupStateResponse,
} from "#protocol/messages/86-delete-share-group-state.ts";
import { handler } from "../handler.ts";
import { forEachPartition } from "../share/state-requests.ts";

export const deleteShareGroupState = handler({
  request: DeleteShareGroupStateRequest,
  response: DeleteShareGroupStateResponse,
  min: 0,
  max: 0,
  async handle({ broker }, request) {
    const results = await forEachPartition(request, async (key) => {
      const errorCode = await broker.shares.coordinators.delete(key);
      return { errorCode, errorMessage: errorCode === ErrorCode.NONE ? null : errorMessage(errorCode) };
    });
    return { results };
  },
});
