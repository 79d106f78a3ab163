/** ListGroups. An empty filter lets everything pass. */
import { array, int16, int32, message, string, struct, versions } from "../schema.ts";

export const ListGroupsRequest = message(
  { apiKey: 16, min: 0, max: 5, flexible: 3 },
  { statesFilter: versions("4+", array(string)), typesFilter: versions("5+", array(string)) },
);
export type ListGroupsRequest = ReturnType<typeof ListGroupsRequest.decode>;

export const ListGroupsResponse = message(
  { apiKey: 16, min: 0, max: 5, flexible: 3 },
  {
    throttleTimeMs: versions("1+", int32),
    errorCode: int16,
    groups: array(
      struct({
        groupId: string,
        protocolType: string,
        groupState: versions("4+", string),
        groupType: versions("5+", string),
      }),
    ),
  },
);
export type ListGroupsResponse = ReturnType<typeof ListGroupsResponse.decode>;
