import { ErrorCode } from "#protocol/errors.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { DeleteRecordsRequest, DeleteRecordsResponse } from "#protocol/messages/21-delete-records.ts";
import { CreatePartitionsRequest, CreatePartitionsResponse } from "#protocol/messages/37-create-partitions.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import type { DeleteRecordsEvent, Pending } from "../../checker/history.ts";
import type { AdminAction, TopicSpec } from "../workload.ts";
import { SimClient, topicKey } from "./client.ts";
import { LostError } from "./connection.ts";
import { listOffset, type Position } from "./fetcher.ts";

const CREATE = { request: CreateTopicsRequest, response: CreateTopicsResponse };
const DELETE = { request: DeleteTopicsRequest, response: DeleteTopicsResponse };
const DELETE_RECORDS = { request: DeleteRecordsRequest, response: DeleteRecordsResponse };
const GROW = { request: CreatePartitionsRequest, response: CreatePartitionsResponse };
const ALTER_CONFIGS = { request: IncrementalAlterConfigsRequest, response: IncrementalAlterConfigsResponse };
const ALTER_CONFIGS_VERSION = 1;
const GROUP_RESOURCE = 32;
const CREATE_VERSION = 7;
const DELETE_VERSION = 6;
const DELETE_RECORDS_VERSION = 2;
const GROW_VERSION = 3;
const TIMEOUT_MS = 10_000;
const MAX_TRIES = 10;

type Outcome = "acknowledged" | "refused" | "unknown";

/** Creates, grows and deletes topics, and deletes records. */
export class Admin extends SimClient {
  /** One try after the other until the topic is there. */
  async createUntilThere({ name, partitions, configs = {} }: TopicSpec): Promise<void> {
    for (let failures = 0; ; failures++) {
      const isThere = await this.#create(name, partitions, configs);
      if (isThere) await this.refresh([name]);
      const topic = this.topics.get(name);
      if (isThere && topic !== undefined) {
        return this.#record("create", topicKey(topic), name, {
          partitions: topic.leaders.length,
          configs,
          invokedMs: this.nowMs,
          outcome: "acknowledged",
        });
      }
      await this.backOff(failures);
    }
  }

  async carryOut(action: AdminAction): Promise<void> {
    try {
      await this.refresh([action.topic]);
      switch (action.action) {
        case "create":
          return await this.createUntilThere({ ...action, name: action.topic });
        case "delete":
          return await this.#delete(action.topic);
        case "grow":
          return await this.#grow(action.topic, action.partitions);
        case "delete-records":
          return await this.#deleteRecords(action.topic, action.partition, action.share);
      }
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
    }
  }

  /** One try after the other until the group is so. */
  async configureGroup(group: string, configs: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(configs).map(([name, value]) => ({ name, configOperation: 0, value }));
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: group, configs: pairs }];
    await this.persist(async () => {
      const connection = await this.#any();
      const answer = await connection.call(ALTER_CONFIGS, ALTER_CONFIGS_VERSION, { resources });
      return answer.responses[0].errorCode === ErrorCode.NONE ? true : null;
    });
  }

  #any() {
    return this.connection(this.process.random.pick(this.world.brokerIds));
  }

  async #create(name: string, numPartitions: number, configs: Readonly<Record<string, string>>): Promise<boolean> {
    try {
      const connection = await this.#any();
      const pairs = Object.entries(configs).map(([config, value]) => ({ name: config, value }));
      const topics = [{ name, numPartitions, replicationFactor: -1, configs: pairs }];
      const answer = await connection.call(CREATE, CREATE_VERSION, { topics, timeoutMs: TIMEOUT_MS });
      const { errorCode } = answer.topics[0];
      return errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS;
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      return false;
    }
  }

  #record(
    action: "create" | "grow" | "delete",
    topic: string,
    name: string,
    what: { partitions: number; configs?: TopicSpec["configs"]; invokedMs: number; outcome: Outcome },
  ): void {
    const completedMs = what.outcome === "unknown" ? null : this.nowMs;
    this.world.record({ type: "topic", client: this.name, action, topic, name, completedMs, ...what });
  }

  /** Recorded before it is sent: from then on nobody promises anything about the topic. */
  async #delete(name: string): Promise<void> {
    const topic = this.topics.get(name);
    if (topic === undefined) return;
    const key = topicKey(topic);
    const invokedMs = this.nowMs;
    let outcome: Outcome = "unknown";
    try {
      const connection = await this.#any();
      const topics = [{ name: null, topicId: topic.topicId }];
      const answer = await connection.call(DELETE, DELETE_VERSION, { topics, timeoutMs: TIMEOUT_MS });
      outcome = answer.responses[0].errorCode === ErrorCode.NONE ? "acknowledged" : "refused";
    } finally {
      this.#record("delete", key, name, { partitions: 0, invokedMs, outcome });
    }
  }

  async #grow(name: string, count: number): Promise<void> {
    const topic = this.topics.get(name);
    if (topic === undefined || topic.leaders.length >= count) return;
    const invokedMs = this.nowMs;
    const connection = await this.#any();
    const answer = await connection.call(GROW, GROW_VERSION, {
      topics: [{ name, count, assignments: null }],
      timeoutMs: TIMEOUT_MS,
    });
    const outcome = answer.results[0].errorCode === ErrorCode.NONE ? "acknowledged" : "refused";
    this.#record("grow", topicKey(topic), name, { partitions: count, invokedMs, outcome });
  }

  async #deleteRecords(name: string, partition: number, share: number): Promise<void> {
    const topic = this.topics.get(name);
    if (topic === undefined) return;
    const at: Position = { name, topicId: topic.topicId, partition, offset: 0 };
    const earliest = await listOffset(this, at, "earliest");
    const latest = await listOffset(this, at, "latest");
    if (earliest === null || latest === null) return;
    const offset = earliest + Math.floor((latest - earliest) * share);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (await this.#deleteBefore(at, share === 1 ? -1 : offset)) return;
      await this.backOff(tries);
      await this.refresh([name]);
    }
  }

  async #deleteBefore(at: Position, offset: number): Promise<boolean> {
    const { name, partition } = at;
    const leader = this.topics.get(name)?.leaders[partition];
    if (leader === undefined) return false;
    const invokedMs = this.nowMs;
    const event: Pending<DeleteRecordsEvent> = {
      type: "delete-records",
      client: this.name,
      topic: topicKey(at),
      partition,
      beforeOffset: offset,
      outcome: "unknown",
      lowWatermark: -1,
      invokedMs,
      completedMs: null,
    };
    try {
      const connection = await this.connection(leader);
      this.world.record(event);
      const topics = [{ name, partitions: [{ partitionIndex: partition, offset }] }];
      const answer = await connection.call(DELETE_RECORDS, DELETE_RECORDS_VERSION, { topics, timeoutMs: TIMEOUT_MS });
      const result = answer.topics[0].partitions[0];
      event.outcome = result.errorCode === ErrorCode.NONE ? "acknowledged" : "refused";
      event.lowWatermark = result.lowWatermark;
      event.completedMs = this.nowMs;
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
    }
    return event.outcome !== "unknown";
  }
}
