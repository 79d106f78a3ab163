// DeleteGroups (42), versions 0-3. Deletes groups without members, with all that they have committed. Version 3 has room
// for a message, which Kafka leaves null for these errors.
// Departures from Kafka: the answer keeps the order of the request.

import { ErrorCode } from "#protocol/errors.ts";
import { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import { handler } from "../handler.ts";
import { deleteGroupState } from "../share/groups.ts";

export const deleteGroups = handler({
  request: DeleteGroupsRequest,
  response: DeleteGroupsResponse,
  min: 0,
  max: 3,
  async handle({ broker }, { groupsNames }) {
    const groupIds = [...new Set(groupsNames)];
    const results = groupIds.map(async (groupId) => {
      // The state of a share group goes before the group does.
      const errorCode = await deleteGroupState(broker, groupId);
      if (errorCode !== ErrorCode.NONE) return { groupId, errorCode };
      const [outcome] = await broker.groups.deleteGroups([groupId]);
      return { groupId, errorCode: outcome };
    });
    return { results: await Promise.all(results) };
  },
});
