// FindCoordinator (10), versions 0-6. A group's coordinator is the leader of its partition of `__consumer_offsets`, which is created on the
// first request. Versions up to 3 ask for one key, 4 and later for several.
// Departures from Kafka: the request that creates the topic is answered with the coordinator instead of COORDINATOR_NOT_AVAILABLE.
// Coordinators of transactions (key type 1) and of share groups (2) aren't there yet and get INVALID_REQUEST, as Kafka answers for a
// share coordinator that is turned off: clients give up at once, where COORDINATOR_NOT_AVAILABLE would have them ask for a minute.
// Producers that are only idempotent never ask.

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import type { GroupCoordinators } from "../group-coordinators.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_MANY_KEYS = 4;
/** Kafka's CoordinatorType. */
const KEY_TYPE_GROUP = 0;

interface FoundCoordinator {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export const findCoordinator = handler({
  request: FindCoordinatorRequest,
  response: FindCoordinatorResponse,
  min: 0,
  max: 6,
  async handle({ broker, apiVersion }, { key, keyType, coordinatorKeys }) {
    if (apiVersion < FIRST_VERSION_WITH_MANY_KEYS) {
      const found = await find(broker.groups, keyType, key);
      // Here Kafka spells success out, and in later versions leaves the message empty.
      return found.errorCode === ErrorCode.NONE ? { ...found, errorMessage: "NONE" } : found;
    }
    const coordinators = await Promise.all(
      coordinatorKeys.map(async (one) => ({ key: one, ...(await find(broker.groups, keyType, one)) })),
    );
    return { coordinators };
  },
});

async function find(groups: GroupCoordinators, keyType: number, key: string): Promise<FoundCoordinator> {
  if (keyType !== KEY_TYPE_GROUP) {
    return notFound(ErrorCode.INVALID_REQUEST, `There is no coordinator of key type ${keyType} in this cluster yet.`);
  }
  const endpoint = await groups.findCoordinator(key);
  if (endpoint === null) {
    return notFound(ErrorCode.COORDINATOR_NOT_AVAILABLE, errorMessage(ErrorCode.COORDINATOR_NOT_AVAILABLE));
  }
  const { brokerId, host, port } = endpoint;
  return { errorCode: ErrorCode.NONE, errorMessage: "", nodeId: brokerId, host, port };
}

function notFound(errorCode: ErrorCode, message: string): FoundCoordinator {
  return { errorCode, errorMessage: message, nodeId: -1, host: "", port: -1 };
}
