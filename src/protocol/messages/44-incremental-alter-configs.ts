/** IncrementalAlterConfigs. `configOperation`: 0 set, 1 delete, 2 append, 3 subtract. */
import { array, boolean, int8, int16, int32, message, nullable, string, struct } from "../schema.ts";

export const IncrementalAlterConfigsRequest = message(
  { apiKey: 44, min: 0, max: 1, flexible: 1 },
  {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, configOperation: int8, value: nullable("0+", string) })),
      }),
    ),
    validateOnly: boolean,
  },
);
export type IncrementalAlterConfigsRequest = ReturnType<typeof IncrementalAlterConfigsRequest.decode>;

export const IncrementalAlterConfigsResponse = message(
  { apiKey: 44, min: 0, max: 1, flexible: 1 },
  {
    throttleTimeMs: int32,
    responses: array(
      struct({ errorCode: int16, errorMessage: nullable("0+", string), resourceType: int8, resourceName: string }),
    ),
  },
);
export type IncrementalAlterConfigsResponse = ReturnType<typeof IncrementalAlterConfigsResponse.decode>;
