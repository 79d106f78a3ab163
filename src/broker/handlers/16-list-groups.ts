// ListGroups (16), versions 0-5. All groups whose coordinator this broker is, by state (4+) and type (5+); the filters don't tell upper from
// lower case. Departures from Kafka: the answer waits for partitions that load.

import { ErrorCode } from "#protocol/errors.ts";
import { ListGroupsRequest, ListGroupsResponse } from "#protocol/messages/16-list-groups.ts";
import { handler } from "../handler.ts";

export const listGroups = handler({
  request: ListGroupsRequest,
  response: ListGroupsResponse,
  min: 0,
  max: 5,
  async handle({ broker }, { statesFilter, typesFilter }) {
    const result = await broker.groups.listGroups({ states: statesFilter, types: typesFilter });
    return result.errorCode === ErrorCode.NONE ? { groups: result.value } : { errorCode: result.errorCode };
  },
});
