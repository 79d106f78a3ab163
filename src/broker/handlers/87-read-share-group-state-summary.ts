// ReadShareGroupStateSummary (87), versions 0-1. From a group coordinator to the share coordinator (KIP-932): how far a group is in a
// partition, without the state of single records; -1 where nothing is stored. Version 1 tells how many records behind the start offset are
// done (KIP-1226).

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from "#protocol/messages/87-read-share-group-state-summary.ts";
import { handler } from "../handler.ts";
import { forEachPartition } from "../share/state-requests.ts";

export const readShareGroupStateSummary = handler({
  request: ReadShareGroupStateSummaryRequest,
  response: ReadShareGroupStateSummaryResponse,
  min: 0,
  max: 1,
  async handle({ broker }, request) {
    const results = await forEachPartition(request, async (key) => {
      const summary = await broker.shares.coordinators.summary(key);
      return {
        ...summary,
        errorMessage: summary.errorCode === ErrorCode.NONE ? null : errorMessage(summary.errorCode),
      };
    });
    return { results };
  },
});
