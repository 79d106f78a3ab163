// DeleteGroups (42), versions 0-3. Deletes groups without members, with all that they have committed. Version 3 has room
// for a message, which Kafka leaves null for these errors.
// Departures from Kafka: the answer keeps the order of the request.

import { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import { handler } from "../handler.ts";

export const deleteGroups = handler({
  request: DeleteGroupsRequest,
  response: DeleteGroupsResponse,
  min: 0,
  max: 3,
  async handle({ broker }, { groupsNames }) {
    const groupIds = [...new Set(groupsNames)];
    const outcomes = await broker.groups.deleteGroups(groupIds);
    return {
      results: groupIds.map((groupId, index) => ({ groupId, errorCode: outcomes[index] })),
    };
  },
});
