/** AlterConfigs: replaces all of a resource's configs. */
import { array, boolean, int8, int16, int32, message, nullable, string, struct } from "../schema.ts";

export const AlterConfigsRequest = message(
  { apiKey: 33, min: 0, max: 2, flexible: 2 },
  {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, value: nullable("0+", string) })),
      }),
    ),
    validateOnly: boolean,
  },
);
export type AlterConfigsRequest = ReturnType<typeof AlterConfigsRequest.decode>;

export const AlterConfigsResponse = message(
  { apiKey: 33, min: 0, max: 2, flexible: 2 },
  {
    throttleTimeMs: int32,
    responses: array(
      struct({ errorCode: int16, errorMessage: nullable("0+", string), resourceType: int8, resourceName: string }),
    ),
  },
);
export type AlterConfigsResponse = ReturnType<typeof AlterConfigsResponse.decode>;
