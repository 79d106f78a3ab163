/** DeleteTopics. Versions up to 5 list `topicNames`, 6 has `topics` by name or by id. */
import { array, int16, int32, message, nullable, nullableString, string, struct, uuid, versions } from "../schema.ts";

export const DeleteTopicsRequest = message(
  { apiKey: 20, min: 1, max: 6, flexible: 4 },
  {
    topics: versions("6+", array(struct({ name: nullableString, topicId: uuid }))),
    topicNames: versions("0-5", array(string)),
    timeoutMs: int32,
  },
);
export type DeleteTopicsRequest = ReturnType<typeof DeleteTopicsRequest.decode>;

export const DeleteTopicsResponse = message(
  { apiKey: 20, min: 1, max: 6, flexible: 4 },
  {
    throttleTimeMs: int32,
    responses: array(
      struct({
        name: nullable("6+", string),
        topicId: versions("6+", uuid),
        errorCode: int16,
        errorMessage: versions("5+", nullableString),
      }),
    ),
  },
);
export type DeleteTopicsResponse = ReturnType<typeof DeleteTopicsResponse.decode>;
