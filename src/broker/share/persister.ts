import { ErrorCode } from "#protocol/errors.ts";
import {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from "#protocol/messages/83-initialize-share-group-state.ts";
import {
  ReadShareGroupStateRequest,
  ReadShareGroupStateResponse,
} from "#protocol/messages/84-read-share-group-state.ts";
import {
  WriteShareGroupStateRequest,
  WriteShareGroupStateResponse,
} from "#protocol/messages/85-write-share-group-state.ts";
import {
  DeleteShareGroupStateRequest,
  DeleteShareGroupStateResponse,
} from "#protocol/messages/86-delete-share-group-state.ts";
import {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from "#protocol/messages/87-read-share-group-state-summary.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import type { ShareKey } from "#share/share-key.ts";
import type { Broker } from "../broker.ts";
import type { ShareCoordinators, SharePersister } from "./coordinators.ts";

interface Answered<P> {
  readonly results: readonly { readonly partitions: readonly P[] }[];
}

/** The share coordinators of all brokers: this one's are asked directly, others' by the requests of the protocol. */
export function clusterPersister(broker: Broker, own: ShareCoordinators): SharePersister {
  async function ask<R, Q, P extends { readonly errorCode: number }>(
    key: ShareKey,
    here: () => Promise<R>,
    there: { readonly request: Message<Q>; readonly response: Message<Answered<P>>; readonly partition: object },
  ): Promise<R | P | null> {
    const endpoint = await own.find(key);
    if (endpoint === null) return null;
    if (endpoint.brokerId === broker.brokerId) return here();
    const { groupId, topicId, partitionIndex } = key;
    const topics = [{ topicId, partitions: [{ ...there.partition, partition: partitionIndex }] }];
    const draft = { groupId, topics } as unknown as Draft<Q>;
    const answer = await broker.peers.ask(endpoint.brokerId, there.request, there.response, draft);
    return answer?.results.at(0)?.partitions.at(0) ?? null;
  }

  const error = (answer: ErrorCode | { readonly errorCode: number } | null): ErrorCode => {
    if (answer === null) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    return typeof answer === "number" ? answer : (answer.errorCode as ErrorCode);
  };

  return {
    async initialize(key, state) {
      const messages = { request: InitializeShareGroupStateRequest, response: InitializeShareGroupStateResponse };
      return error(await ask(key, () => own.initialize(key, state), { ...messages, partition: state }));
    },
    async read(key, leaderEpoch) {
      const messages = { request: ReadShareGroupStateRequest, response: ReadShareGroupStateResponse };
      const state = await ask(key, () => own.read(key, leaderEpoch), { ...messages, partition: { leaderEpoch } });
      const { stateEpoch = 0, startOffset = 0, stateBatches = [] } = state ?? {};
      return { errorCode: error(state), stateEpoch, startOffset, stateBatches };
    },
    async write(key, write) {
      const messages = { request: WriteShareGroupStateRequest, response: WriteShareGroupStateResponse };
      return error(await ask(key, () => own.write(key, write), { ...messages, partition: write }));
    },
    async summary(key) {
      const messages = { request: ReadShareGroupStateSummaryRequest, response: ReadShareGroupStateSummaryResponse };
      const summary = await ask(key, () => own.summary(key), { ...messages, partition: {} });
      const { stateEpoch = 0, leaderEpoch = 0, startOffset = -1, deliveryCompleteCount = -1 } = summary ?? {};
      return { errorCode: error(summary), stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount };
    },
    async delete(key) {
      const messages = { request: DeleteShareGroupStateRequest, response: DeleteShareGroupStateResponse };
      return error(await ask(key, () => own.delete(key), { ...messages, partition: {} }));
    },
  };
}
