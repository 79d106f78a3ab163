import { ErrorCode } from "#protocol/errors.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import type { HistoryEvent } from "../../checker/history.ts";
import type { Network } from "../network.ts";
import type { Process } from "../process.ts";
import { ClientConnection, LostError } from "./connection.ts";

const METADATA = { request: MetadataRequest, response: MetadataResponse };
const METADATA_VERSION = 12;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1_000;

/** What a client needs of the simulated world. */
export interface ClientWorld {
  readonly network: Network;
  readonly brokerIds: readonly number[];
  record(event: HistoryEvent): void;
}

export interface KnownTopic {
  readonly name: string;
  readonly topicId: string;
  /** Leaders by partition. */
  readonly leaders: readonly number[];
}

/** Its name in the history: unique to its incarnation. */
export function topicKey(topic: { readonly name: string; readonly topicId: string }): string {
  return `${topic.name}#${topic.topicId.slice(0, 6)}`;
}

/** What all clients have in common: connections by broker, metadata, and patience. */
export class SimClient {
  readonly process: Process;
  readonly world: ClientWorld;
  readonly topics = new Map<string, KnownTopic>();
  /** By broker: the Fetch that is under way. Stock consumers have one a broker, also when what it was for has been taken away. */
  readonly fetching = new Map<number, Promise<void>>();
  readonly #connections = new Map<number, ClientConnection | Promise<ClientConnection>>();
  #refreshing: Promise<void> | null = null;

  constructor(process: Process, world: ClientWorld) {
    this.process = process;
    this.world = world;
  }

  get name(): string {
    return this.process.name;
  }

  get nowMs(): number {
    return this.process.nowMs;
  }

  /** The connection to a broker, opened when there is none. Rejects with LostError. */
  async connection(brokerId: number): Promise<ClientConnection> {
    const known = await this.#connections.get(brokerId);
    if (known?.isOpen) return known;
    const other = this.#connections.get(brokerId);
    if (other instanceof Promise) return other;
    const opening = ClientConnection.open(this.process, this.world.network, brokerId);
    this.#connections.set(brokerId, opening);
    try {
      const connection = await opening;
      this.#connections.set(brokerId, connection);
      return connection;
    } catch (error) {
      this.#connections.delete(brokerId);
      throw error;
    }
  }

  /** One Metadata request to any broker; what it says of the topics is taken over. Errors leave everything as it was. */
  refresh(names: readonly string[]): Promise<void> {
    this.#refreshing ??= this.#refresh(names).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(names: readonly string[]): Promise<void> {
    try {
      const connection = await this.connection(this.process.random.pick(this.world.brokerIds));
      const topics = names.map((name) => ({ name }));
      const answer = await connection.call(METADATA, METADATA_VERSION, { topics, allowAutoTopicCreation: false });
      for (const topic of answer.topics) {
        if (topic.name === null) continue;
        if (topic.errorCode !== ErrorCode.NONE) this.topics.delete(topic.name);
        else this.topics.set(topic.name, knownTopic(topic));
      }
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
    }
  }

  /** Waits longer after every failure. */
  backOff(failures: number): Promise<void> {
    const fullMs = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(failures, 8), MAX_BACKOFF_MS);
    return this.process.sleep(fullMs / 2 + this.process.random.fraction() * (fullMs / 2));
  }

  /** Tries until it doesn't throw LostError. */
  async persist<T>(attempt: () => Promise<T | null>): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        const value = await attempt();
        if (value !== null) return value;
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
      }
      await this.backOff(failures);
    }
  }
}

function knownTopic(topic: MetadataResponse["topics"][number]): KnownTopic {
  const leaders: number[] = [];
  for (const { partitionIndex, leaderId } of topic.partitions) leaders[partitionIndex] = leaderId;
  return { name: topic.name as string, topicId: topic.topicId, leaders };
}
