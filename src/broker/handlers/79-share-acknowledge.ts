// ShareAcknowledge (79), versions 1-2. What a member of a share group says of records that it holds (KIP-932): accept, release, reject, and
// from version 2 on renew (KIP-1222). Answered when it is stored. It belongs to a share session, which it doesn't begin; epoch -1 ends it,
// and what the member still holds is released.
// Departures from Kafka: none.

import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from "#protocol/messages/79-share-acknowledge.ts";
import { handler } from "../handler.ts";
import { currentLeader, nodeEndpoints } from "../leader-hints.ts";
import { acknowledgeAll, sessionMember } from "../share/acknowledgements.ts";
import { byTopic } from "../share/answers.ts";

const FIRST_VERSION_WITH_RENEWAL = 2;
const FINAL_EPOCH = -1;

export const shareAcknowledge = handler({
  request: ShareAcknowledgeRequest,
  response: ShareAcknowledgeResponse,
  min: 1,
  max: 2,
  async handle({ broker, apiVersion }, { groupId, memberId, shareSessionEpoch, isRenewAck, topics }) {
    const { shares } = broker;
    const member = sessionMember(groupId, memberId);
    if (member === null) return { errorCode: ErrorCode.INVALID_REQUEST };
    const errorCode = shares.sessions.acknowledge(member, shareSessionEpoch);
    if (errorCode !== ErrorCode.NONE) return { errorCode, errorMessage: errorMessage(errorCode) };
    const rules = { knowsRenewal: apiVersion >= FIRST_VERSION_WITH_RENEWAL, isRenewal: isRenewAck };
    const outcomes = await acknowledgeAll(broker, member, topics, rules);
    if (shareSessionEpoch === FINAL_EPOCH) await shares.closeSession(member);
    const answers = outcomes.map((outcome) => {
      const partition = broker.cluster.topicById(outcome.topicId)?.partitions[outcome.partitionIndex];
      return {
        ...outcome,
        errorMessage: sentence(outcome.errorCode),
        currentLeader: currentLeader(outcome.errorCode, partition),
      };
    });
    return {
      acquisitionLockTimeoutMs: shares.settings(member.groupId).recordLockDurationMs,
      responses: byTopic(answers),
      nodeEndpoints: nodeEndpoints(
        broker,
        answers.map((answer) => answer.currentLeader?.leaderId),
      ),
    };
  },
});

function sentence(errorCode: ErrorCode): string | null {
  return errorCode === ErrorCode.NONE ? null : errorMessage(errorCode);
}
