/**
 * CreatePartitions, 0–3: adds partitions to topics, up to the total that is asked for; fewer than there are is INVALID_PARTITIONS.
 *
 * Departure from Kafka: a broker holds at most 10,000 partitions; what would go beyond gets POLICY_VIOLATION.
 */
import { CreatePartitionsRequest, CreatePartitionsResponse } from "#protocol/messages/37-create-partitions.ts";
import { handler } from "../handler.ts";

export const createPartitions = handler({
  request: CreatePartitionsRequest,
  response: CreatePartitionsResponse,
  min: 0,
  max: 3,
  async handle({ broker }, request) {
    const outcomes = await broker.controller.createPartitions(request.topics, { validateOnly: request.validateOnly });
    const byName = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
    return {
      results: [...byName.values()].map(({ name, errorCode, errorMessage }) => ({ name, errorCode, errorMessage })),
    };
  },
});
