/** StreamsGroupTopologyDescriptionUpdate: a client's own description of its topology, kept for those who describe the group. */
import { array, int8, int16, int32, message, nullableString, string, struct } from "../schema.ts";

const topologyDescriptionNode = struct({
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: nullableString,
  stores: array(string),
  successors: array(string),
});

const topologyDescriptionSubtopology = struct({
  subtopologyId: string,
  nodes: array(topologyDescriptionNode),
});

const topologyDescriptionGlobalStore = struct({
  source: topologyDescriptionNode,
  processor: topologyDescriptionNode,
});

const topologyDescription = struct({
  subtopologies: array(topologyDescriptionSubtopology),
  globalStores: array(topologyDescriptionGlobalStore),
});

export const StreamsGroupTopologyDescriptionUpdateRequest = message(
  { apiKey: 93, min: 0, max: 0, flexible: 0 },
  {
    groupId: string,
    memberId: string,
    topologyEpoch: int32,
    topologyDescription,
  },
);
export type StreamsGroupTopologyDescriptionUpdateRequest = ReturnType<
  typeof StreamsGroupTopologyDescriptionUpdateRequest.decode
>;

export const StreamsGroupTopologyDescriptionUpdateResponse = message(
  { apiKey: 93, min: 0, max: 0, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
  },
);
export type StreamsGroupTopologyDescriptionUpdateResponse = ReturnType<
  typeof StreamsGroupTopologyDescriptionUpdateResponse.decode
>;
