/**
 * EndTxn, 0–5: commits or aborts a producer's transaction. The answer comes when the decision is durable; the markers follow, and until they are
 * written the next transaction has to wait (CONCURRENT_TRANSACTIONS).
 *
 * Version 5 is transactions V2 (KIP-890): every transaction ends with a new epoch, which the answer brings, so that nothing that was sent for
 * one can get into the next; the same request again is answered again. Before version 2 a fenced producer hears INVALID_PRODUCER_EPOCH
 * instead of PRODUCER_FENCED.
 */
import { EndTxnRequest, EndTxnResponse } from "#protocol/messages/26-end-txn.ts";
import { TransactionVersion } from "#transaction/state.ts";
import { handler } from "../handler.ts";
import { fencedError } from "../transaction/errors.ts";

const FIRST_VERSION_WITH_PRODUCER_FENCED = 2;
const FIRST_VERSION_OF_TRANSACTIONS_V2 = 5;

export const endTxn = handler({
  request: EndTxnRequest,
  response: EndTxnResponse,
  min: 0,
  max: 5,
  async handle({ broker, apiVersion }, { committed, ...transaction }) {
    const isV2 = apiVersion >= FIRST_VERSION_OF_TRANSACTIONS_V2;
    const reply = await broker.transactions.endTransaction({
      ...transaction,
      isCommit: committed,
      clientVersion: isV2 ? TransactionVersion.V2 : TransactionVersion.V0,
    });
    return { ...reply, errorCode: fencedError(reply.errorCode, apiVersion >= FIRST_VERSION_WITH_PRODUCER_FENCED) };
  },
});
