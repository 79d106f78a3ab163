import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import type { CommitReply, OffsetCommitCommand } from "#group/coordinator.ts";
import type { TransactionalProducer } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Broker } from "./broker.ts";
import { coordinatorError } from "./coordinator-partition.ts";
import { supportOfTxnOffsetCommit } from "./transaction-verification.ts";

const NO_SEQUENCE = -1;

export interface TransactionalCommit {
  readonly transactionalId: string;
  readonly producer: TransactionalProducer;
  readonly apiVersion: number;
  readonly command: Omit<OffsetCommitCommand, "producer">;
}

/** Commits offsets as part of a producer's transaction, once its coordinator vouches for that, or the transaction has begun in the group's log. */
export function commitInTransaction(broker: Broker, commit: TransactionalCommit): Promise<CommitReply> {
  const { producer, command } = commit;
  return broker.verification.inOrder(producer.producerId, async () => {
    const guard = await admit(broker, commit);
    if (typeof guard === "object") return { errorCode: guard.errorCode, outcomes: null };
    const owned = { ...producer, guard };
    const { groups } = broker;
    return groups.commitTransactionalOffsets({ ...command, producer: owned }, (partitionIndex) =>
      coordinatorError(groups.environment.log.objectionTo(partitionIndex, owned)),
    );
  });
}

/** The guard for the append, undefined where none is needed. */
async function admit(
  broker: Broker,
  { transactionalId, producer, apiVersion, command }: TransactionalCommit,
): Promise<number | undefined | { readonly errorCode: ErrorCode }> {
  const topic = broker.cluster.topicByName(GROUP_METADATA_TOPIC);
  if (topic === undefined) return { errorCode: ErrorCode.NOT_COORDINATOR };
  const partitionIndex = partitionOfKey(command.groupId, topic.partitions.length);
  const log = broker.lead(topic, partitionIndex);
  if (typeof log === "number") return { errorCode: ErrorCode.NOT_COORDINATOR };
  const support = supportOfTxnOffsetCommit(apiVersion);
  const addsPartition = support === "add";
  if (!addsPartition && !broker.configOf(topic).verifiesTransactions) return undefined;
  const begun = { ...producer, baseSequence: NO_SEQUENCE, addsPartition };
  const started = log.producers.startVerification(begun, broker.clock.nowMs());
  if (started.kind === "ongoing") return undefined;
  if (started.kind === "refused") return { errorCode: started.errorCode };
  const partitions = [{ topic: GROUP_METADATA_TOPIC, partitionIndex }];
  const [errorCode] = await broker.verification.ask({ ...producer, transactionalId, partitions, support });
  if (errorCode === ErrorCode.NETWORK_EXCEPTION) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS };
  return errorCode === ErrorCode.NONE ? started.guard : { errorCode: coordinatorError(errorCode) };
}
