/** UpdateFeatures: the cluster's finalized feature levels (KIP-584). */
import { array, boolean, int8, int16, int32, message, nullable, preset, string, struct, versions } from "../schema.ts";

export const UpdateFeaturesRequest = message(
  { apiKey: 57, min: 0, max: 2, flexible: 0 },
  {
    timeoutMs: preset(60000, int32),
    featureUpdates: array(
      struct({
        feature: string,
        maxVersionLevel: int16,
        allowDowngrade: versions("0", boolean),
        upgradeType: versions("1+", preset(1, int8)),
      }),
    ),
    validateOnly: versions("1+", boolean),
  },
);
export type UpdateFeaturesRequest = ReturnType<typeof UpdateFeaturesRequest.decode>;

export const UpdateFeaturesResponse = message(
  { apiKey: 57, min: 0, max: 2, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullable("0+", string),
    results: versions(
      "0-1",
      array(
        struct({
          feature: string,
          errorCode: int16,
          errorMessage: nullable("0+", string),
        }),
      ),
    ),
  },
);
export type UpdateFeaturesResponse = ReturnType<typeof UpdateFeaturesResponse.decode>;
