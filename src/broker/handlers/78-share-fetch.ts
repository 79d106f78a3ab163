// ShareFetch (78), versions 1-2. Acknowledges what a member of a share group holds, and acquires more for it (KIP-932): the answer has whole
// batches and says which of their records the member now holds. Below `minBytes` it waits for records, or for others to release theirs. It
// belongs to a share session: epoch 0 begins one, -1 ends it and fetches nothing. Version 2 has the record limit (KIP-1206) and renewals,
// which fetch nothing either.
// Departures from Kafka: an answer holds at most 8 MB, and one fetch reads at most 1 MB of a partition, which may go on in the next segment,
// where Kafka's ends; of a batch of more than 20,000 records only so many are acquired at once, and all groups of a broker have at most
// 400,000 records in flight; a record that was delivered more often than a limit that was lowered since isn't delivered again; what must be
// read from the object store is waited for up to 15 s, and a partition of which it isn't there by then is answered empty; an unknown mode is
// an INVALID_REQUEST.

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import { ShareFetchRequest, ShareFetchResponse } from "#protocol/messages/78-share-fetch.ts";
import type { Draft } from "#protocol/schema.ts";
import { AcquireMode } from "#share/record-state.ts";
import type { SessionMember, ShareFetchContext } from "#share/sessions.ts";
import { CLOSE_CONNECTION, handler, type RequestContext } from "../handler.ts";
import { currentLeader, nodeEndpoints } from "../leader-hints.ts";
import { type AcknowledgedPartition, acknowledgeAll, sessionMember } from "../share/acknowledgements.ts";
import { byTopic } from "../share/answers.ts";
import { shareFetch as fetchShared, type SharePartitionFetch } from "../share/fetch.ts";
import { MAX_FETCH_WAIT_MS, roomForAnswer } from "./01-fetch.ts";

const FIRST_VERSION_WITH_RENEWAL = 2;
const MODES: ReadonlySet<number> = new Set<AcquireMode>([AcquireMode.BATCH_OPTIMIZED, AcquireMode.RECORD_LIMIT]);
const NO_BYTES = new Uint8Array(0);

export const shareFetch = handler({
  request: ShareFetchRequest,
  response: ShareFetchResponse,
  min: 1,
  max: 2,
  async handle(context, request) {
    const { broker, apiVersion, peer } = context;
    const member = sessionMember(request.groupId, request.memberId);
    if (member === null || !isRenewalAlone(request) || !MODES.has(request.shareAcquireMode))
      return { errorCode: ErrorCode.INVALID_REQUEST };
    const session = openSession(request, context, member);
    if (session.errorCode !== ErrorCode.NONE) {
      // A client that has no session must not ask without a pause.
      if (session.errorCode === ErrorCode.SHARE_SESSION_LIMIT_REACHED) await pause(context, request.maxWaitMs);
      return { errorCode: session.errorCode, errorMessage: errorMessage(session.errorCode) };
    }
    const rules = { knowsRenewal: apiVersion >= FIRST_VERSION_WITH_RENEWAL, isRenewal: request.isRenewAck };
    const hasSaid = hasAcknowledgements(request);
    // Both at once: what is stored of the one isn't waited for by the other.
    const [acknowledged, fetched] = await Promise.all([
      hasSaid ? acknowledgeAll(broker, member, request.topics, rules) : [],
      request.isRenewAck ? [] : fetch(context, request, member, session),
    ]);
    if (session.isFinal) await broker.shares.closeSession(member);
    if (fetched === null || peer.hasVanished) return CLOSE_CONNECTION;
    return answer(context, member, request.isRenewAck ? null : session, { acknowledged, fetched });
  },
});

/** A request that renews brings nothing else. */
function isRenewalAlone({ isRenewAck, maxBytes, minBytes, maxRecords, maxWaitMs }: ShareFetchRequest): boolean {
  return !isRenewAck || (maxBytes === 0 && minBytes === 0 && maxRecords === 0 && maxWaitMs === 0);
}

function hasAcknowledgements({ topics }: ShareFetchRequest): boolean {
  return topics.some(({ partitions }) => partitions.some((one) => one.acknowledgementBatches.length > 0));
}

function openSession(
  request: ShareFetchRequest,
  { broker, peer }: RequestContext,
  member: SessionMember,
): ShareFetchContext {
  const { shares } = broker;
  const session = shares.sessions.open({
    ...member,
    epoch: request.shareSessionEpoch,
    hasAcknowledgements: hasAcknowledgements(request),
    added: request.topics.flatMap(({ topicId, partitions }) =>
      partitions.map(({ partitionIndex }) => ({ topicId, partitionIndex })),
    ),
    forgotten: request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
      partitions.map((partitionIndex) => ({ topicId, partitionIndex })),
    ),
  });
  if (request.shareSessionEpoch === 0 && session.errorCode === ErrorCode.NONE) shares.watch(member, peer);
  return session;
}

async function pause({ broker, peer, nowMs }: RequestContext, maxWaitMs: number): Promise<void> {
  await broker.parkFetch([], nowMs + Math.min(maxWaitMs, MAX_FETCH_WAIT_MS), peer, () => false);
}

function fetch(
  { broker, peer, nowMs }: RequestContext,
  request: ShareFetchRequest,
  member: SessionMember,
  { targets, isFinal }: ShareFetchContext,
): Promise<readonly SharePartitionFetch[] | null> | readonly SharePartitionFetch[] {
  if (isFinal || targets.length === 0) return [];
  return fetchShared(broker, peer, {
    ...member,
    deadlineMs: nowMs + Math.min(request.maxWaitMs, MAX_FETCH_WAIT_MS),
    minBytes: request.minBytes,
    maxBytes: Math.min(request.maxBytes, roomForAnswer(broker)),
    maxRecords: request.maxRecords,
    batchSize: request.batchSize,
    mode: request.shareAcquireMode as AcquireMode,
    targets: rotated(targets, request.shareSessionEpoch),
  });
}

/** Each request begins with another partition, so that none starves. */
function rotated<T>(items: readonly T[], epoch: number): readonly T[] {
  const from = Math.max(0, epoch) % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}

interface Outcome {
  readonly acknowledged: readonly AcknowledgedPartition[];
  readonly fetched: readonly SharePartitionFetch[];
}

function answer(
  { broker }: RequestContext,
  { groupId }: SessionMember,
  session: ShareFetchContext | null,
  { acknowledged, fetched }: Outcome,
): Draft<ShareFetchResponse> {
  const byName = new Map(fetched.map((one) => [nameOf(one.target), one]));
  const inOrder = (session?.targets ?? []).flatMap((target) => byName.get(nameOf(target)) ?? []);
  const heard = session === null ? [] : session.select(inOrder);
  if (heard === null) {
    const errorCode = ErrorCode.INVALID_SHARE_SESSION_EPOCH;
    return { errorCode, errorMessage: errorMessage(errorCode) };
  }
  const partitions = new Map(
    inOrder.filter((_, at) => heard[at]).map((one) => [nameOf(one.target), fetchedAnswer(one)]),
  );
  for (const said of acknowledged) {
    const own = partitions.get(nameOf(said)) ?? { ...said, errorCode: ErrorCode.NONE, records: NO_BYTES };
    const { errorCode } = said;
    const acknowledgeErrorMessage = errorCode === ErrorCode.NONE ? null : errorMessage(errorCode);
    partitions.set(nameOf(said), { ...own, acknowledgeErrorCode: errorCode, acknowledgeErrorMessage });
  }
  const answers = [...partitions.values()];
  return {
    acquisitionLockTimeoutMs: broker.shares.settings(groupId).recordLockDurationMs,
    responses: byTopic(answers),
    nodeEndpoints: nodeEndpoints(
      broker,
      answers.map((one) => one.currentLeader?.leaderId),
    ),
  };
}

type PartitionAnswer = Draft<ShareFetchResponse["responses"][number]["partitions"][number]> & {
  readonly topicId: string;
};

function fetchedAnswer({ target, errorCode, partition, ranges, chunks }: SharePartitionFetch): PartitionAnswer {
  return {
    topicId: target.topicId,
    partitionIndex: target.partitionIndex,
    errorCode,
    currentLeader: currentLeader(errorCode, partition),
    records: chunks,
    acquiredRecords: ranges.map(({ first, last, deliveryCount }) => ({
      firstOffset: first,
      lastOffset: last,
      deliveryCount,
    })),
  };
}

function nameOf({ topicId, partitionIndex }: { readonly topicId: string; readonly partitionIndex: number }): string {
  return `${partitionIndex}/${topicId}`;
}
