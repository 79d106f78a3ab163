import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import type { CommitReply, OffsetCommitCommand } from "#group/coordinator.ts";
import type { TransactionalProducer } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { coordinatorError } from "../coordinator/partition.ts";
import { supportOfTxnOffsetCommit, type VerificationRequest } from "./verification.ts";

const NO_SEQUENCE = -1;

export interface TransactionalCommit {
  readonly transactionalId: string;
  readonly producer: TransactionalProducer;
  readonly apiVersion: number;
  readonly command: Omit<OffsetCommitCommand, "producer">;
}

/** Commits offsets as part of a producer's transaction, once its coordinator vouches for that, or the transaction has begun in the group's log. */
export function commitInTransaction(broker: Broker, commit: TransactionalCommit): Promise<CommitReply> {
  const { producer, command, transactionalId } = commit;
  return broker.verification.inOrder(producer.producerId, async () => {
    if (supportOfTxnOffsetCommit(commit.apiVersion) === "add") await broker.verification.untilSettled(transactionalId);
    const begun = begin(broker, commit);
    let { errorCode } = begun;
    // What is asked at once goes to the disk together with the offsets.
    if (begun.question !== null && !broker.verification.askAtOnce(begun.question)) {
      errorCode = await ask(broker, begun.question);
    }
    if (errorCode !== ErrorCode.NONE) return { errorCode, outcomes: null };
    const owned = { ...producer, guard: begun.guard };
    const { groups } = broker;
    return groups.commitTransactionalOffsets({ ...command, producer: owned }, (partitionIndex) =>
      coordinatorError(groups.environment.log.objectionTo(partitionIndex, owned)),
    );
  });
}

interface Begun {
  readonly errorCode: ErrorCode;
  /** For the append; undefined where none is needed. */
  readonly guard?: number;
  /** What the transaction's coordinator must say yes to first. */
  readonly question: VerificationRequest | null;
}

function begin(broker: Broker, { transactionalId, producer, apiVersion, command }: TransactionalCommit): Begun {
  const refused = (errorCode: ErrorCode): Begun => ({ errorCode, question: null });
  const topic = broker.cluster.topicByName(GROUP_METADATA_TOPIC);
  if (topic === undefined) return refused(ErrorCode.NOT_COORDINATOR);
  const partitionIndex = partitionOfKey(command.groupId, topic.partitions.length);
  const log = broker.lead(topic, partitionIndex);
  if (typeof log === "number") return refused(ErrorCode.NOT_COORDINATOR);
  const support = supportOfTxnOffsetCommit(apiVersion);
  const addsPartition = support === "add";
  const admitted: Begun = { errorCode: ErrorCode.NONE, question: null };
  if (!addsPartition && !broker.configOf(topic).verifiesTransactions) return admitted;
  const begun = { ...producer, baseSequence: NO_SEQUENCE, addsPartition };
  const started = log.producers.startVerification(begun, broker.clock.nowMs());
  if (started.kind === "ongoing") return admitted;
  if (started.kind === "refused") return refused(started.errorCode);
  const partitions = [{ topic: GROUP_METADATA_TOPIC, partitionIndex }];
  return { ...admitted, guard: started.guard, question: { ...producer, transactionalId, partitions, support } };
}

async function ask(broker: Broker, question: VerificationRequest): Promise<ErrorCode> {
  const [errorCode] = await broker.verification.ask(question);
  return errorCode === ErrorCode.NETWORK_EXCEPTION
    ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    : coordinatorError(errorCode);
}
