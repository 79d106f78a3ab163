import { brokerIdOf } from "#cluster/alter-configs.ts";
import { quoted } from "#cluster/limits.ts";
import { type AlterConfigsOutcome, type ConfigResource, ConfigResourceType } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Broker } from "./broker.ts";

/** Answers for other brokers' configs here, as Kafka does, and sends the rest to the controller; answers stand in the order of the request. */
export async function alterResources<Resource extends ConfigResource>(
  broker: Broker,
  resources: readonly Resource[],
  alter: (own: readonly Resource[]) => Promise<readonly AlterConfigsOutcome[]>,
): Promise<AlterConfigsOutcome[]> {
  const own = resources.filter((resource) => isOwn(broker, resource));
  const outcomes = own.length === 0 ? [] : await alter(own);
  let next = 0;
  return resources.map((resource) => (isOwn(broker, resource) ? outcomes[next++] : notThisBroker(broker, resource)));
}

function isOwn(broker: Broker, { resourceType, resourceName }: ConfigResource): boolean {
  if (resourceType !== ConfigResourceType.BROKER || resourceName === "") return true;
  return brokerIdOf(resourceName) === broker.brokerId;
}

function notThisBroker(broker: Broker, { resourceType, resourceName }: ConfigResource): AlterConfigsOutcome {
  const errorMessage = `This is broker ${broker.brokerId}; send changes of broker ${quoted(resourceName)} to that one.`;
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage, resourceType, resourceName };
}
