/**
 * InitProducerId, 0–5: gives an idempotent producer its id, epoch 0. Kafka 4.4 defines version 6 (two-phase commit) but doesn't offer it.
 *
 * Ids come from the controller in blocks, and no two producers of a cluster get the same one. A producer that lost its
 * place asks again and gets a new id. Departure from Kafka: a transactional id is refused with INVALID_REQUEST until
 * transactions are there; the APIs of transactions are not advertised.
 */
import { ErrorCode } from "#protocol/errors.ts";
import { InitProducerIdRequest, InitProducerIdResponse } from "#protocol/messages/22-init-producer-id.ts";
import { handler } from "../handler.ts";

export const initProducerId = handler({
  request: InitProducerIdRequest,
  response: InitProducerIdResponse,
  min: 0,
  max: 5,
  async handle({ broker }, request) {
    if (request.transactionalId !== null) return { errorCode: ErrorCode.INVALID_REQUEST, producerEpoch: -1 };
    return { producerId: await broker.producerIds.next(), producerEpoch: 0 };
  },
});
