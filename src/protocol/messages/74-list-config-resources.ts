/** ListConfigResources: names of the resources that have configs (KIP-1142). */
import { array, int8, int16, int32, message, preset, string, struct, versions } from "../schema.ts";

export const ListConfigResourcesRequest = message(
  { apiKey: 74, min: 0, max: 1, flexible: 0 },
  {
    resourceTypes: versions("1+", array(int8)),
  },
);
export type ListConfigResourcesRequest = ReturnType<typeof ListConfigResourcesRequest.decode>;

export const ListConfigResourcesResponse = message(
  { apiKey: 74, min: 0, max: 1, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array(
      struct({
        resourceName: string,
        resourceType: versions("1+", preset(16, int8)),
      }),
    ),
  },
);
export type ListConfigResourcesResponse = ReturnType<typeof ListConfigResourcesResponse.decode>;
