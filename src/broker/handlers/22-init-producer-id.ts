/**
 * InitProducerId, 0–5: gives a producer its id and epoch. Kafka 4.4 defines version 6 (two-phase commit) but doesn't offer it.
 *
 * Without a transactional id the producer gets an id of its own and epoch 0: ids come from the controller in blocks, and no two producers of
 * a cluster get the same one. With one it goes to the coordinator: whoever had the id before is fenced by a new epoch, an open
 * transaction is aborted first (CONCURRENT_TRANSACTIONS until that is done). Before version 4 a producer that was fenced itself hears
 * INVALID_PRODUCER_EPOCH. Departure from Kafka: a partition of `__transaction_state` holds at most MAX_TRANSACTIONAL_IDS; one more gets
 * POLICY_VIOLATION.
 */
import { ErrorCode } from "#protocol/errors.ts";
import { InitProducerIdRequest, InitProducerIdResponse } from "#protocol/messages/22-init-producer-id.ts";
import { withoutProducerId } from "#transaction/producer-id.ts";
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from "#transaction/state.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";
import { fencedError } from "../transaction/errors.ts";

const FIRST_VERSION_WITH_PRODUCER_FENCED = 4;

/** COORDINATOR_LOAD_IN_PROGRESS, as in Kafka, while the controller gives no ids: clients come again. */
async function newProducer({ producerIds }: Broker) {
  try {
    return { producerId: await producerIds.next(), producerEpoch: 0 };
  } catch {
    return withoutProducerId(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  }
}

export const initProducerId = handler({
  request: InitProducerIdRequest,
  response: InitProducerIdResponse,
  min: 0,
  max: 5,
  async handle({ broker, apiVersion }, request) {
    const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
    const isNew = producerId === NO_PRODUCER_ID && producerEpoch === NO_PRODUCER_EPOCH;
    if (!isNew && (producerId === NO_PRODUCER_ID || producerEpoch === NO_PRODUCER_EPOCH)) {
      return withoutProducerId(ErrorCode.INVALID_REQUEST);
    }
    if (transactionalId === null) return newProducer(broker);
    if (transactionalId === "") return withoutProducerId(ErrorCode.INVALID_REQUEST);
    const reply = await broker.transactions.initProducerId({
      transactionalId,
      timeoutMs: transactionTimeoutMs,
      expected: isNew ? null : { producerId, producerEpoch },
    });
    return { ...reply, errorCode: fencedError(reply.errorCode, apiVersion >= FIRST_VERSION_WITH_PRODUCER_FENCED) };
  },
});
