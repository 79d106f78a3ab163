/** FindCoordinator. Versions up to 3 ask for one `key`, 4 and later for several in `coordinatorKeys`. */
import { array, int8, int16, int32, message, nullable, string, struct, versions } from "../schema.ts";

export const FindCoordinatorRequest = message(
  { apiKey: 10, min: 0, max: 6, flexible: 3 },
  { key: versions("0-3", string), keyType: versions("1+", int8), coordinatorKeys: versions("4+", array(string)) },
);
export type FindCoordinatorRequest = ReturnType<typeof FindCoordinatorRequest.decode>;

export const FindCoordinatorResponse = message(
  { apiKey: 10, min: 0, max: 6, flexible: 3 },
  {
    throttleTimeMs: versions("1+", int32),
    errorCode: versions("0-3", int16),
    errorMessage: versions("1-3", nullable("0+", string)),
    nodeId: versions("0-3", int32),
    host: versions("0-3", string),
    port: versions("0-3", int32),
    coordinators: versions(
      "4+",
      array(
        struct({
          key: string,
          nodeId: int32,
          host: string,
          port: int32,
          errorCode: int16,
          errorMessage: nullable("0+", string),
        }),
      ),
    ),
  },
);
export type FindCoordinatorResponse = ReturnType<typeof FindCoordinatorResponse.decode>;
