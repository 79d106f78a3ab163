/**
 * ListTransactions, 0–2: the transactional ids that this broker coordinates, by state and producer id, from version 1 on by how long ago their
 * transaction began, from version 2 on by a regular expression of RE2 (KIP-664, KIP-994, KIP-1152). Departure from Kafka: an expression
 * that is too long or grows too large is refused like one that is none.
 */
import { isRegex, matchingTopics } from "#group/consumer/regex.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ListTransactionsRequest, ListTransactionsResponse } from "#protocol/messages/66-list-transactions.ts";
import { isStatusName } from "#transaction/state.ts";
import { handler } from "../handler.ts";

export const listTransactions = handler({
  request: ListTransactionsRequest,
  response: ListTransactionsResponse,
  min: 0,
  max: 2,
  async handle({ broker }, { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }) {
    const pattern = transactionalIdPattern ?? "";
    if (pattern !== "" && !isRegex(pattern)) return { errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION };
    const listed = await broker.transactions.list({
      statusNames: new Set(stateFilters),
      producerIds: new Set(producerIdFilters),
      durationMs: durationFilter,
    });
    if (listed.errorCode !== ErrorCode.NONE) return { errorCode: listed.errorCode };
    const ids = listed.value.map(({ transactionalId }) => transactionalId);
    const matching = pattern === "" ? new Set(ids) : matchingTopics(pattern, ids);
    return {
      unknownStateFilters: [...new Set(stateFilters)].filter((name) => !isStatusName(name)),
      transactionStates: listed.value
        .filter(({ transactionalId }) => matching.has(transactionalId))
        .map(({ transactionalId, producerId, status }) => ({ transactionalId, producerId, transactionState: status })),
    };
  },
});
