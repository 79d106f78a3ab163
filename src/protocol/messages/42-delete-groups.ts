/** DeleteGroups. */
import { array, int16, int32, message, nullableString, string, struct, versions } from "../schema.ts";

export const DeleteGroupsRequest = message({ apiKey: 42, min: 0, max: 3, flexible: 2 }, { groupsNames: array(string) });
export type DeleteGroupsRequest = ReturnType<typeof DeleteGroupsRequest.decode>;

export const DeleteGroupsResponse = message(
  { apiKey: 42, min: 0, max: 3, flexible: 2 },
  {
    throttleTimeMs: int32,
    results: array(struct({ groupId: string, errorCode: int16, errorMessage: versions("3+", nullableString) })),
  },
);
export type DeleteGroupsResponse = ReturnType<typeof DeleteGroupsResponse.decode>;
