import { TRANSACTIONS_V2 } from "#log/producer-state.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from "#protocol/messages/27-write-txn-markers.ts";
import type { TransactionCoordinator } from "#transaction/coordinator.ts";
import type { TopicPartition } from "#transaction/state.ts";
import type { WriteMarkers } from "#transaction/turn.ts";
import type { Broker } from "../broker.ts";
import type { CoordinatorPartition } from "../coordinator/partition.ts";
import { appendMarker } from "./marker-append.ts";

const FIRST_BACKOFF_MS = 10;
const MAX_BACKOFF_MS = 2_000;

interface Sending {
  readonly effect: WriteMarkers;
  readonly coordinator: CoordinatorPartition<TransactionCoordinator>;
  /** Partitions that lack their marker. */
  left: readonly TopicPartition[];
}

/**
 * Writes the markers of decided transactions wherever they belong, over and over until they are written, and tells the coordinator when they
 * are. What is written twice changes nothing; what a coordinator writes that has been replaced meanwhile is refused by its epoch.
 */
export class TransactionMarkers {
  readonly #broker: Broker;
  readonly #onComplete: (transactionalId: string) => void;

  /** `onComplete` is called in the turn of the decision that completes a transaction. */
  constructor(broker: Broker, onComplete: (transactionalId: string) => void) {
    this.#broker = broker;
    this.#onComplete = onComplete;
  }

  /** False when the coordinator has ended before. */
  async write(effect: WriteMarkers, coordinator: CoordinatorPartition<TransactionCoordinator>): Promise<boolean> {
    const sending: Sending = { effect, coordinator, left: effect.partitions };
    let backoffMs = FIRST_BACKOFF_MS;
    while (!coordinator.hasFailed) {
      await this.#sendOnce(sending);
      if (sending.left.length === 0) break;
      await new Promise<void>((resolve) => this.#broker.timers.set(resolve, backoffMs));
      backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS);
    }
    const complete = (nowMs: number) => ({ ...coordinator.machine.complete(effect, nowMs), response: true });
    const completed = coordinator.run<boolean>(complete, () => false);
    this.#onComplete(effect.transactionalId);
    return completed;
  }

  async #sendOnce(sending: Sending): Promise<void> {
    const byLeader = Map.groupBy(sending.left, (partition) => this.#leaderOf(partition));
    const left = await Promise.all([...byLeader].map(([leaderId, group]) => this.#sendTo(leaderId, sending, group)));
    sending.left = left.flat();
    if (byLeader.has(undefined)) await this.#forgetDeleted(sending);
  }

  #leaderOf({ topic, partitionIndex }: TopicPartition): number | undefined {
    return this.#broker.cluster.partition(topic, partitionIndex)?.leaderId;
  }

  /** A topic that is gone needs no marker; but the image may be old. */
  async #forgetDeleted(sending: Sending): Promise<void> {
    try {
      await this.#broker.controller.refresh();
    } catch {
      return;
    }
    sending.left = sending.left.filter((partition) => this.#leaderOf(partition) !== undefined);
  }

  /** The partitions that have to be tried again. */
  async #sendTo(
    leaderId: number | undefined,
    sending: Sending,
    partitions: readonly TopicPartition[],
  ): Promise<readonly TopicPartition[]> {
    if (leaderId === undefined) return partitions;
    const outcomes = await (leaderId === this.#broker.brokerId
      ? this.#writeHere(sending, partitions)
      : this.#writeThere(leaderId, sending, partitions));
    return partitions.filter((_, index) => outcomes[index] !== ErrorCode.NONE);
  }

  #writeHere({ effect }: Sending, partitions: readonly TopicPartition[]): Promise<ErrorCode[]> {
    return Promise.all(
      partitions.map(({ topic, partitionIndex }) =>
        // A log that can't take it now may later, and what is fatal to the broker ends this with it.
        appendMarker(this.#broker, effect, topic, partitionIndex).catch(() => ErrorCode.KAFKA_STORAGE_ERROR),
      ),
    );
  }

  async #writeThere(
    leaderId: number,
    { effect }: Sending,
    partitions: readonly TopicPartition[],
  ): Promise<ErrorCode[]> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)];
    const { producerId, producerEpoch, isCommit, coordinatorEpoch, transactionVersion } = effect;
    const draft = {
      markers: [
        {
          producerId,
          producerEpoch,
          transactionResult: isCommit,
          coordinatorEpoch,
          transactionVersion,
          topics: topics.map(([name, group]) => ({
            name,
            partitionIndexes: group.map(({ partitionIndex }) => partitionIndex),
          })),
        },
      ],
    };
    const args = [leaderId, WriteTxnMarkersRequest, WriteTxnMarkersResponse, draft] as const;
    const { peers } = this.#broker;
    // From V2 on a marker that comes late finds a newer epoch: it is safe to send another one before the answer to the first.
    const answer = await (transactionVersion >= TRANSACTIONS_V2 ? peers.ask(...args) : peers.call(...args));
    const written = new Set(
      answer?.markers.flatMap((marker) =>
        marker.topics.flatMap(({ name, partitions: answered }) =>
          answered
            .filter(({ errorCode }) => errorCode === ErrorCode.NONE)
            .map((one) => `${one.partitionIndex} ${name}`),
        ),
      ),
    );
    return partitions.map(({ topic, partitionIndex }) =>
      written.has(`${partitionIndex} ${topic}`) ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER,
    );
  }
}
