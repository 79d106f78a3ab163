// FindCoordinator (10), versions 0-6. A group's coordinator is the leader of its partition of `__consumer_offsets`, that of a transactional id the
// leader of its partition of `__transaction_state`, that of a share partition (version 6, `group:topicId:partition`) the leader of its
// partition of `__share_group_state`; the topics are created on the first request. Versions up to 3 ask for one key, 4 and later for several.
// Departures from Kafka: the request that creates the topic is answered with the coordinator instead of COORDINATOR_NOT_AVAILABLE.
// Producers that are only idempotent never ask.

import type { BrokerEndpoint } from "#ports/coordinator-log.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { parseShareKey } from "#share/share-key.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_MANY_KEYS = 4;
/** Kafka's CoordinatorType. */
const KEY_TYPE_GROUP = 0;
const KEY_TYPE_TRANSACTION = 1;
const KEY_TYPE_SHARE = 2;
const FIRST_VERSION_WITH_SHARE = 6;

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
      const found = await find(broker, { keyType, apiVersion }, key);
      // Here Kafka spells success out, and in later versions leaves the message empty.
      return found.errorCode === ErrorCode.NONE ? { ...found, errorMessage: "NONE" } : found;
    }
    const coordinators = await Promise.all(
      coordinatorKeys.map(async (one) => ({ key: one, ...(await find(broker, { keyType, apiVersion }, one)) })),
    );
    return { coordinators };
  },
});

interface Asked {
  readonly keyType: number;
  readonly apiVersion: number;
}

async function find(broker: Broker, asked: Asked, key: string): Promise<FoundCoordinator> {
  const found = endpointOf(broker, asked, key);
  if (found === undefined) {
    return notFound(ErrorCode.INVALID_REQUEST, `Nothing of key type ${asked.keyType} has a coordinator by such a key.`);
  }
  const endpoint = await found;
  if (endpoint === null) {
    return notFound(ErrorCode.COORDINATOR_NOT_AVAILABLE, errorMessage(ErrorCode.COORDINATOR_NOT_AVAILABLE));
  }
  const { brokerId, host, port } = endpoint;
  return { errorCode: ErrorCode.NONE, errorMessage: "", nodeId: brokerId, host, port };
}

/** Undefined for what can't have a coordinator. */
function endpointOf(
  broker: Broker,
  { keyType, apiVersion }: Asked,
  key: string,
): Promise<BrokerEndpoint | null> | undefined {
  switch (keyType) {
    case KEY_TYPE_GROUP:
      return broker.groups.findCoordinator(key);
    case KEY_TYPE_TRANSACTION:
      return broker.transactions.findCoordinator(key);
    case KEY_TYPE_SHARE: {
      const shareKey = apiVersion < FIRST_VERSION_WITH_SHARE ? null : parseShareKey(key);
      return shareKey === null ? undefined : broker.shares.coordinators.find(shareKey);
    }
    default:
      return undefined;
  }
}

function notFound(errorCode: ErrorCode, message: string): FoundCoordinator {
  return { errorCode, errorMessage: message, nodeId: -1, host: "", port: -1 };
}
