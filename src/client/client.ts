import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import type { Kernels } from "#kernels/kernels.ts";
import type { Clock } from "#ports/clock.ts";
import type { Codecs } from "#ports/codecs.ts";
import type { Random } from "#ports/random.ts";
import type { Timers } from "#ports/timers.ts";
import type { Transport } from "#ports/transport.ts";
import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import { decodeResponseHeader, writeRequestHeader } from "#protocol/header.ts";
import type { Draft } from "#protocol/schema.ts";
import { type Api, metadataApi } from "./apis.ts";
import {
  type ClusterView,
  clusterView,
  hasLeaders,
  MetadataCache,
  type TopicView,
  topicError,
  topicView,
} from "./metadata.ts";
import { failed, failure, type Outcome, success } from "./outcome.ts";
import { backoffMs, MAX_ATTEMPTS, sleep } from "./retry.ts";

/** How long an answer may take beyond the time that the request itself lets the broker wait; the Java client's `request.timeout.ms`. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** Kafka's limit. A longer name is no topic's, and from 32 KB on no request can carry it. */
const MAX_TOPIC_NAME_CHARS = 249;

const FRAME_CAPACITY_BYTES = 512;
/** Record batches from this size on are copied once, into the finished frame. */
const SPLICE_FROM_BYTES = 4 * 1024;

/** What the client needs of the world. */
export interface ClientPorts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly kernels: Kernels;
  readonly codecs: Codecs;
}

/** How one request is sent, where that differs from the others. */
export interface CallOptions {
  /** How long the request itself lets the broker wait. */
  readonly waitMs?: number;
  /** `request.timeout.ms`; REQUEST_TIMEOUT_MS without. */
  readonly timeoutMs?: number;
  /** Requests of one lane may wait for each other (see the transport). */
  readonly lane?: string;
}

export interface ClientOptions {
  /** Named in every request; a broker may log it. */
  readonly clientId: string;
  /** Shared by several clients that see the same cluster. */
  readonly cache?: MetadataCache;
}

export interface TopicOptions {
  /** Ask the cluster instead of the cache. */
  readonly isFresh?: boolean;
  /** Let the cluster create the topic when it doesn't exist and `auto.create.topics.enable` says so. */
  readonly mayCreate?: boolean;
}

/**
 * A connection to a Kafka cluster over a transport: requests, metadata and their errors as values. What one asks for by
 * it (produce, fetch, offsets, topics) stands in the files beside this one. It holds no connection and needs no closing.
 */
export class Client {
  readonly ports: ClientPorts;
  private readonly clientId: string;
  private readonly cache: MetadataCache;
  private lastCorrelationId = 0;

  constructor(ports: ClientPorts, options: ClientOptions) {
    this.ports = ports;
    this.clientId = options.clientId;
    this.cache = options.cache ?? new MetadataCache();
  }

  /**
   * Sends one request and reads its answer. NETWORK_EXCEPTION: no answer came, or none that can be read;
   * REQUEST_TIMED_OUT: none came in `timeoutMs` and `waitMs` together.
   * Errors inside the answer are the caller's to see.
   */
  async call<Q, S>(
    brokerId: number | null,
    api: Api<Q, S>,
    draft: Draft<Q>,
    options: CallOptions = {},
  ): Promise<Outcome<S>> {
    const correlationId = ++this.lastCorrelationId & 0x7fffffff;
    const { request, response, version } = api;
    const frame = await this.exchange(brokerId, this.frame(api, draft, correlationId), options);
    if (failed(frame)) return frame;
    try {
      const reader = new Reader(frame.value);
      if (decodeResponseHeader(reader, request.apiKey, version) !== correlationId) {
        return failure(ErrorCode.NETWORK_EXCEPTION, "the broker answered another request");
      }
      return success(response.decode(reader, version));
    } catch (error) {
      if (error instanceof MalformedMessageError) return failure(ErrorCode.NETWORK_EXCEPTION, error.message);
      throw error;
    }
  }

  /** Can a request be sent that has no answer? */
  get posts(): boolean {
    return this.ports.transport.post !== undefined;
  }

  /** Sends a request that has no answer. NETWORK_EXCEPTION: it didn't leave. */
  async post<Q, S>(brokerId: number, api: Api<Q, S>, draft: Draft<Q>, lane?: string): Promise<Outcome<void>> {
    const { transport } = this.ports;
    if (transport.post === undefined) throw new Error("the transport sends nothing without an answer");
    const frame = this.frame(api, draft, ++this.lastCorrelationId & 0x7fffffff);
    return transport.post(brokerId, frame, lane).then(
      () => success(undefined),
      () => failure(ErrorCode.NETWORK_EXCEPTION, "the broker can't be reached"),
    );
  }

  private frame<Q, S>({ request, version }: Api<Q, S>, draft: Draft<Q>, correlationId: number): Uint8Array {
    const writer = new Writer(FRAME_CAPACITY_BYTES, SPLICE_FROM_BYTES);
    writeRequestHeader(writer, { apiKey: request.apiKey, apiVersion: version, correlationId, clientId: this.clientId });
    request.encode(writer, draft, version);
    return writer.finish();
  }

  private exchange(brokerId: number | null, frame: Uint8Array, options: CallOptions): Promise<Outcome<Uint8Array>> {
    const timeoutMs = (options.timeoutMs ?? REQUEST_TIMEOUT_MS) + (options.waitMs ?? 0);
    return new Promise((resolve) => {
      const timeout = this.ports.timers.set(() => {
        this.ports.transport.abandon?.(brokerId, options.lane);
        resolve(failure(ErrorCode.REQUEST_TIMED_OUT, `no answer in ${timeoutMs} ms`));
      }, timeoutMs);
      const settle = (outcome: Outcome<Uint8Array>): void => {
        timeout.cancel();
        resolve(outcome);
      };
      this.ports.transport.exchange(brokerId, frame, options.lane).then(
        (answer) => settle(success(answer)),
        () => settle(failure(ErrorCode.NETWORK_EXCEPTION, "the broker can't be reached")),
      );
    });
  }

  /** Brokers and topics, all of them when `names` is null; a topic's own error makes it absent. No retries. */
  async cluster(
    names: readonly string[] | null,
  ): Promise<Outcome<ClusterView & { readonly topics: readonly TopicView[] }>> {
    const topics = names?.map((name) => ({ name })) ?? null;
    const answer = await this.call(null, metadataApi, { topics, allowAutoTopicCreation: false });
    if (failed(answer)) return answer;
    this.ports.transport.learn?.(clusterView(answer.value).brokers);
    const known = answer.value.topics.filter((topic) => topic.errorCode === ErrorCode.NONE).map(topicView);
    return success({ ...clusterView(answer.value), topics: known });
  }

  /**
   * One topic, from the cache where that is allowed. UNKNOWN_TOPIC_OR_PARTITION: it doesn't exist;
   * INVALID_TOPIC_EXCEPTION: nor can it.
   */
  async topic(name: string, options: TopicOptions = {}): Promise<Outcome<TopicView>> {
    if (name.length > MAX_TOPIC_NAME_CHARS) return failure(ErrorCode.INVALID_TOPIC_EXCEPTION);
    const cached = options.isFresh ? null : this.cache.get(name, this.ports.clock.nowMs());
    if (cached !== null) return success(cached);
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.askForTopic(name, options.mayCreate ?? false);
      if (!failed(outcome)) return outcome;
      const isFinal = outcome.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION && !options.mayCreate;
      if (isFinal || !isRetriable(outcome.errorCode) || attempt >= MAX_ATTEMPTS) return outcome;
      await this.backOff(attempt);
    }
  }

  private async askForTopic(name: string, mayCreate: boolean): Promise<Outcome<TopicView>> {
    const answer = await this.call(null, metadataApi, { topics: [{ name }], allowAutoTopicCreation: mayCreate });
    if (failed(answer)) return answer;
    this.ports.transport.learn?.(clusterView(answer.value).brokers);
    const response = answer.value.topics.find((topic) => topic.name === name);
    const errorCode = topicError(response);
    if (response === undefined || errorCode !== ErrorCode.NONE) {
      this.cache.forget(name);
      return failure(errorCode);
    }
    const topic = topicView(response);
    if (hasLeaders(topic)) this.cache.put(topic, this.ports.clock.nowMs());
    return success(topic);
  }

  /** What was known of the topic turned out to be wrong: the next look asks the cluster. */
  forget(topicName: string): void {
    this.cache.forget(topicName);
  }

  /** Waits before the next attempt; `attempt` counts those that failed. */
  backOff(attempt: number): Promise<void> {
    return sleep(this.ports.timers, backoffMs(attempt, this.ports.random));
  }
}
