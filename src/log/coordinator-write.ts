import { ErrorCode } from "#protocol/errors.ts";
import { Codec, makeAttributes, NO_SEQUENCE, NO_TIMESTAMP } from "#records/batch.ts";
import type { EndMarker } from "#records/control-record.ts";
import type { AppendConfig } from "./append.ts";
import type { ProducerState } from "./producer-state.ts";
import type { VerificationGuard } from "./transaction-verification.ts";

/** What a coordinator writes on behalf of a producer: records of its transaction, or the marker that ends it. */
export type CoordinatorWrite = {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly guard?: VerificationGuard | null;
  readonly transactionVersion?: number;
} & Partial<EndMarker>;

/** Why the partition would refuse it, or NONE. */
export function objectionTo(
  producers: ProducerState,
  write: CoordinatorWrite,
  config: Pick<AppendConfig, "verifiesTransactions">,
): ErrorCode {
  const { producerId, producerEpoch, isCommit, coordinatorEpoch, guard, transactionVersion } = write;
  const marker = isCommit === undefined || coordinatorEpoch === undefined ? null : { isCommit, coordinatorEpoch };
  const outcome = producers.check(
    {
      baseOffset: 0,
      sizeInBytes: 0,
      lastOffsetDelta: 0,
      partitionLeaderEpoch: 0,
      maxTimestamp: NO_TIMESTAMP,
      producerId,
      producerEpoch,
      baseSequence: NO_SEQUENCE,
      attributes: makeAttributes({ codec: Codec.NONE, transactional: true, control: marker !== null }),
      marker,
    },
    { isClient: false, verifies: config.verifiesTransactions ?? false, guard, transactionVersion },
  );
  return outcome.kind === "refused" ? outcome.errorCode : ErrorCode.NONE;
}
