/** DescribeConfigs. `configurationKeys` null asks for all. */
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  message,
  nullable,
  nullableArray,
  preset,
  string,
  struct,
  versions,
} from "../schema.ts";

export const DescribeConfigsRequest = message(
  { apiKey: 32, min: 1, max: 4, flexible: 4 },
  {
    resources: array(struct({ resourceType: int8, resourceName: string, configurationKeys: nullableArray(string) })),
    includeSynonyms: boolean,
    includeDocumentation: versions("3+", boolean),
  },
);
export type DescribeConfigsRequest = ReturnType<typeof DescribeConfigsRequest.decode>;

export const DescribeConfigsResponse = message(
  { apiKey: 32, min: 1, max: 4, flexible: 4 },
  {
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: nullable("0+", string),
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: nullable("0+", string),
            readOnly: boolean,
            configSource: preset(-1, int8),
            isSensitive: boolean,
            synonyms: array(struct({ name: string, value: nullable("0+", string), source: int8 })),
            configType: versions("3+", int8),
            documentation: versions("3+", nullable("0+", string)),
          }),
        ),
      }),
    ),
  },
);
export type DescribeConfigsResponse = ReturnType<typeof DescribeConfigsResponse.decode>;
