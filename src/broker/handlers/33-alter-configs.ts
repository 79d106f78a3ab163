/**
 * AlterConfigs, 0–2: replaces all configs of topics, brokers and groups; what isn't named goes back to its default.
 *
 * The older way to alter configs, which kafkajs, sarama and aiokafka still use. As IncrementalAlterConfigs otherwise.
 */
import { AlterConfigsRequest, AlterConfigsResponse } from "#protocol/messages/33-alter-configs.ts";
import { alterResources } from "../alter-resources.ts";
import { handler } from "../handler.ts";

export const alterConfigs = handler({
  request: AlterConfigsRequest,
  response: AlterConfigsResponse,
  min: 0,
  max: 2,
  async handle({ broker }, { resources, validateOnly }) {
    return {
      responses: await alterResources(broker, resources, (own) =>
        broker.controller.replaceConfigs(own, { validateOnly }),
      ),
    };
  },
});
