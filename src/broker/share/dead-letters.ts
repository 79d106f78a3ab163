import { joined } from "#bytes/joined.ts";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { resolveBrokerConfig, resolveTopicConfig } from "#cluster/resolve-config.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { type NewRecord, type Record, recordBound } from "#records/record.ts";
import type { ShareKey } from "#share/share-key.ts";
import type { DeadLetters } from "#share/transitions.ts";
import type { Broker } from "../broker.ts";
import { type DeadLetterOrigin, deadLetter, MAX_DEAD_LETTERS_AT_ONCE } from "./dead-letter.ts";
import type { ShareGroupSettings } from "./settings.ts";

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 500;
const MAX_READ_BYTES = 256 * 1024;
/** A batch's header and more. */
const BATCH_SLACK_BYTES = 1_024;
const MAX_BATCH_BYTES = 1024 * 1024 - BATCH_SLACK_BYTES;
const PRODUCE_TIMEOUT_MS = 30_000;

/** What a queue's leader can't take now and may take later. */
const RETRIABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.REQUEST_TIMED_OUT,
]);

interface Copies {
  readonly records: ReadonlyMap<number, Record>;
  /** Behind the last record that was looked for. */
  readonly end: number;
}

const NO_COPIES: Copies = { records: new Map(), end: Number.POSITIVE_INFINITY };

/** One record of the letters. */
interface Place {
  readonly index: number;
  readonly letter: DeadLetters;
  readonly offset: number;
}

function placeOf(letters: readonly DeadLetters[], index: number): Place | null {
  return index < letters.length ? { index, letter: letters[index], offset: letters[index].first } : null;
}

function behind(letters: readonly DeadLetters[], { index, letter, offset }: Place): Place | null {
  return offset < letter.last ? { index, letter, offset: offset + 1 } : placeOf(letters, index + 1);
}

/**
 * Writes what nobody could process to dead-letter queues (KIP-1191), one piece after the other. A queue that can't be written to loses its
 * records: a share group isn't held up for it.
 */
export class ShareDeadLetters {
  private readonly broker: Broker;
  private last: Promise<void> = Promise.resolve();

  constructor(broker: Broker) {
    this.broker = broker;
  }

  /** Resolves when they, which are in order, are written, or never will be. */
  write(key: ShareKey, letters: readonly DeadLetters[], settings: ShareGroupSettings): Promise<void> {
    this.last = this.last.then(() => this.writeAll(key, letters, settings)).catch(() => undefined);
    return this.last;
  }

  private async writeAll(key: ShareKey, letters: readonly DeadLetters[], settings: ShareGroupSettings): Promise<void> {
    const { groupId, topicId, partitionIndex } = key;
    const source = this.broker.cluster.topicById(topicId);
    const queue = await this.queue(settings.deadLetterTopic);
    if (source === undefined || queue === null) return;
    const log = this.broker.lead(source, partitionIndex);
    const copied = settings.copiesDeadLetters && typeof log !== "number" ? log : null;
    const origin = { topic: source.name, partitionIndex, groupId };
    // What was read and opened for one letter has others, too: there may be one for each record of a batch.
    let copies = NO_COPIES;
    for (let place = placeOf(letters, 0); place !== null; ) {
      if (copied === null) copies = NO_COPIES;
      else if (place.offset >= copies.end || copies === NO_COPIES) copies = this.copies(copied, place);
      const { piece, next } = this.piece(queue, origin, { letters, place, copies });
      const errorCode = await this.send(queue.name, partitionIndex, piece);
      if (RETRIABLE.has(errorCode)) return;
      if (errorCode !== ErrorCode.MESSAGE_TOO_LARGE || copied === null) {
        place = next;
        continue;
      }
      // Its headers at least.
      const nowMs = this.broker.clock.nowMs();
      const bare = deadLetter(origin, place.letter, { offset: place.offset, nowMs, copy: undefined });
      if (RETRIABLE.has(await this.send(queue.name, partitionIndex, [bare]))) return;
      place = behind(letters, place);
    }
  }

  /** The topic, if it may be used; made, if that is allowed. */
  private async queue(name: string): Promise<TopicImage | null> {
    const { broker } = this;
    const { brokerId, cluster } = broker;
    const text = (config: string) => resolveBrokerConfig(cluster.image, brokerId, config).value as string;
    const prefix = text("errors.deadletterqueue.topic.name.prefix");
    if (name === "" || name.startsWith("__") || !name.startsWith(prefix)) return null;
    const known = cluster.topicByName(name);
    if (known !== undefined) {
      const isEnabled = resolveTopicConfig(
        cluster.image,
        brokerId,
        known.configs,
        "errors.deadletterqueue.group.enable",
      );
      return isEnabled.value === "true" ? known : null;
    }
    if (text("errors.deadletterqueue.auto.create.topics.enable") !== "true") return null;
    const configs = [
      { name: "errors.deadletterqueue.group.enable", value: "true" },
      { name: "message.timestamp.type", value: "CreateTime" },
    ];
    await broker.controller.createTopics([
      { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs },
    ]);
    if (cluster.topicByName(name) === undefined) await broker.controller.refresh();
    return cluster.topicByName(name) ?? null;
  }

  /** The records themselves from a place on, as many as one read finds. */
  private copies(log: PartitionLog, { offset, letter }: Place): Copies {
    const records = new Map<number, Record>();
    const read = log.read(offset, { maxBytes: MAX_READ_BYTES, upperBound: log.highWatermark, minOneMessage: true });
    if (read.kind === "refused" || read.nextOffset <= offset) return { records, end: letter.last + 1 };
    try {
      const batches = joined(read.chunks);
      for (const { at, control } of readBatches(batches)) {
        if (control) continue;
        for (const record of readRecords(this.broker.compression, batches, at)) records.set(record.offset, record);
      }
    } catch (error) {
      // Of what is damaged there is no copy; what the headers say is known all the same.
      if (!(error instanceof MalformedMessageError)) throw error;
    }
    return { records, end: read.nextOffset };
  }

  /** From a place on as many as fit into one batch, one at least, and the place behind them. */
  private piece(
    queue: TopicImage,
    origin: DeadLetterOrigin,
    { letters, place, copies }: { readonly letters: readonly DeadLetters[]; place: Place; readonly copies: Copies },
  ): { readonly piece: readonly NewRecord[]; readonly next: Place | null } {
    const nowMs = this.broker.clock.nowMs();
    const maxBytes = Math.min(MAX_BATCH_BYTES, this.broker.configOf(queue).maxMessageBytes - BATCH_SLACK_BYTES);
    const piece: NewRecord[] = [];
    let bytes = 0;
    let next: Place | null = place;
    while (next !== null && next.offset < copies.end) {
      const { offset, letter }: Place = next;
      const record = deadLetter(origin, letter, { offset, nowMs, copy: copies.records.get(offset) });
      bytes += recordBound(record);
      if (piece.length > 0 && (bytes > maxBytes || piece.length >= MAX_DEAD_LETTERS_AT_ONCE)) break;
      piece.push(record);
      next = behind(letters, next);
    }
    return { piece, next };
  }

  private async send(name: string, partitionIndex: number, piece: readonly NewRecord[]): Promise<ErrorCode> {
    const { broker } = this;
    const records = buildBatch(broker.compression, piece);
    for (let attempt = 1; ; attempt++) {
      const errorCode = await this.append(name, partitionIndex, records);
      if (!RETRIABLE.has(errorCode) || attempt === ATTEMPTS) return errorCode;
      await new Promise<void>((resolve) => broker.timers.set(resolve, FIRST_PAUSE_MS * 2 ** attempt));
    }
  }

  private async append(name: string, sourceIndex: number, records: Uint8Array): Promise<ErrorCode> {
    const { broker } = this;
    const topic = broker.cluster.topicByName(name);
    if (topic === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const index = sourceIndex % topic.partitions.length;
    const { leaderId, leaderEpoch } = topic.partitions[index];
    const log = broker.lead(topic, index);
    if (typeof log !== "number") {
      const outcome = log.append(records, {
        config: broker.configOf(topic),
        leaderEpoch,
        nowMs: broker.clock.nowMs(),
        origin: "client",
        produceVersion: ProduceRequest.max,
      });
      if (outcome.kind === "refused") return outcome.errorCode;
      await broker.committed();
      return ErrorCode.NONE;
    }
    if (leaderId === -1 || leaderId === broker.brokerId) return log;
    const answer = await broker.peers.ask(leaderId, ProduceRequest, ProduceResponse, {
      acks: -1,
      timeoutMs: PRODUCE_TIMEOUT_MS,
      topicData: [{ name, topicId: topic.topicId, partitionData: [{ index, records }] }],
    });
    const partition = answer?.responses.at(0)?.partitionResponses.at(0);
    return (partition?.errorCode ?? ErrorCode.REQUEST_TIMED_OUT) as ErrorCode;
  }
}
