// ListConfigResources (74), versions 0-1 (KIP-1142). Names of what has configs: topics and brokers all of them, groups those that have set
// some; version 0 asks for client metrics alone, of which there are none. No types = all types.
// Departures from Kafka: none known.

import { ErrorCode } from "#protocol/errors.ts";
import {
  ListConfigResourcesRequest,
  ListConfigResourcesResponse,
} from "#protocol/messages/74-list-config-resources.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";

/** Kafka's ConfigResource types. */
const TOPIC = 2;
const BROKER = 4;
const BROKER_LOGGER = 8;
const CLIENT_METRICS = 16;
const GROUP = 32;
const LISTABLE = [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

const FIRST_VERSION_WITH_TYPES = 1;

export const listConfigResources = handler({
  request: ListConfigResourcesRequest,
  response: ListConfigResourcesResponse,
  min: 0,
  max: 1,
  handle({ broker, apiVersion }, { resourceTypes }) {
    const asked = apiVersion >= FIRST_VERSION_WITH_TYPES ? new Set(resourceTypes) : new Set([CLIENT_METRICS]);
    const types = asked.size === 0 ? new Set(LISTABLE) : asked;
    if ([...types].some((type) => !LISTABLE.includes(type))) return { errorCode: ErrorCode.UNSUPPORTED_VERSION };
    const configResources = [...types].flatMap((resourceType) =>
      namesOf(broker, resourceType).map((resourceName) => ({ resourceName, resourceType })),
    );
    return { configResources };
  },
});

function namesOf(broker: Broker, type: number): string[] {
  const { image } = broker.cluster;
  switch (type) {
    case TOPIC:
      return image.topics.map(({ name }) => name);
    case BROKER:
    case BROKER_LOGGER:
      return image.brokers.map(({ id }) => String(id));
    case GROUP:
      return Object.keys(image.groupConfigs);
    default:
      return [];
  }
}
