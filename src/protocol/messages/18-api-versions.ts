/** ApiVersions. Its response header is always version 0, and an unsupported version is answered in version 0 (KIP-511). */
import {
  array,
  boolean,
  int16,
  int32,
  int64,
  message,
  nullableString,
  preset,
  string,
  struct,
  tagged,
  versions,
} from "../schema.ts";

export const ApiVersionsRequest = message(
  { apiKey: 18, min: 0, max: 5, flexible: 3 },
  {
    clientSoftwareName: versions("3+", string),
    clientSoftwareVersion: versions("3+", string),
    clusterId: versions("5+", nullableString),
    nodeId: versions("5+", preset(-1, int32)),
  },
);
export type ApiVersionsRequest = ReturnType<typeof ApiVersionsRequest.decode>;

export const ApiVersionsResponse = message(
  { apiKey: 18, min: 0, max: 5, flexible: 3 },
  {
    errorCode: int16,
    apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
    throttleTimeMs: versions("1+", int32),
    supportedFeatures: tagged(0, "3+", array(struct({ name: string, minVersion: int16, maxVersion: int16 }))),
    finalizedFeaturesEpoch: tagged(1, "3+", preset(-1, int64)),
    finalizedFeatures: tagged(2, "3+", array(struct({ name: string, maxVersionLevel: int16, minVersionLevel: int16 }))),
    zkMigrationReady: tagged(3, "3+", boolean),
  },
);
export type ApiVersionsResponse = ReturnType<typeof ApiVersionsResponse.decode>;
