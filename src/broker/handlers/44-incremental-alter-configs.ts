/**
 * IncrementalAlterConfigs, 0–1: sets, unsets, appends to and subtracts from single configs of topics, brokers and groups (KIP-339).
 *
 * A resource changes as a whole or not at all. A broker takes changes for itself and, with an empty name, for all brokers. Departures from
 * Kafka: broker configs that aren't in the table are refused (Kafka keeps them for plugins), client metrics and loggers
 * have none, at most 2,000 groups have configs, and none whose id has more than 1,000 characters.
 */
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import { alterResources } from "../alter-resources.ts";
import { handler } from "../handler.ts";

export const incrementalAlterConfigs = handler({
  request: IncrementalAlterConfigsRequest,
  response: IncrementalAlterConfigsResponse,
  min: 0,
  max: 1,
  async handle({ broker }, { resources, validateOnly }) {
    return {
      responses: await alterResources(broker, resources, (own) =>
        broker.controller.alterConfigs(own, { validateOnly }),
      ),
    };
  },
});
