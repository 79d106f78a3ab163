/** A broker with an object store, and one topic of it, as tests of segments, retention and tiers drive them. */
import { expect } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches } from "#records/reader.ts";
import { CoreCluster, compression, type StorageOptions, type TestClient } from "../doubles/core-cluster.ts";
import { MemoryObjectStore } from "../doubles/memory-object-store.ts";
import { fetchFrom, produce, V } from "./requests.ts";

const TOPIC_RESOURCE = 2;
export const HOUR_MS = 3_600_000;
export const EARLIEST = -2;
export const MAX_TIMESTAMP = -3;
export const EARLIEST_LOCAL = -4;
export const LATEST_TIERED = -5;
export const EARLIEST_PENDING_UPLOAD = -6;
export const VALUE = new Uint8Array(400_000).fill(7);

export class StorageWorld {
  readonly cluster: CoreCluster;
  readonly client: TestClient;
  readonly objects: MemoryObjectStore;

  private constructor(cluster: CoreCluster, objects: MemoryObjectStore) {
    this.cluster = cluster;
    this.client = cluster.connect();
    this.objects = objects;
  }

  /** A topic "t" of segments of two records. */
  static async open(configs: Record<string, string> = {}, storage: StorageOptions = {}): Promise<StorageWorld> {
    const objects = new MemoryObjectStore();
    const tiering = { "remote.log.storage.system.enable": "true" };
    const world = new StorageWorld(await CoreCluster.open([1], { objects, configs: tiering, ...storage }), objects);
    expect(await world.create("t", { "segment.bytes": "1048576", ...configs })).toBe(ErrorCode.NONE);
    return world;
  }

  async create(name: string, configs: Record<string, string>): Promise<number> {
    const entries = Object.entries(configs).map(([config, value]) => ({ name: config, value }));
    const response = await this.client.call(CreateTopicsRequest, CreateTopicsResponse, V.createTopics, {
      topics: [{ name, numPartitions: 1, replicationFactor: 1, configs: entries }],
      timeoutMs: 1000,
    });
    return response.topics[0].errorCode;
  }

  async alter(configs: Record<string, string>): Promise<number> {
    const changes = Object.entries(configs).map(([name, value]) => ({ name, configOperation: 0, value }));
    const answer = await this.client.call(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, 1, {
      resources: [{ resourceType: TOPIC_RESOURCE, resourceName: "t", configs: changes }],
    });
    return answer.responses[0].errorCode;
  }

  /** Records of 400 KB, one a batch. */
  async fill(count: number, timestampMs = this.cluster.time.nowMs()): Promise<void> {
    for (let i = 0; i < count; i++) {
      const batch = buildBatch(compression, [{ timestampMs, key: null, value: VALUE }]);
      expect((await produce(this.client, "t", batch)).errorCode).toBe(ErrorCode.NONE);
    }
  }

  async list(timestamp: number): Promise<number> {
    const response = await this.client.call(ListOffsetsRequest, ListOffsetsResponse, V.listOffsets, {
      replicaId: -1,
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }] }],
    });
    expect(response.topics[0].partitions[0].errorCode).toBe(ErrorCode.NONE);
    return response.topics[0].partitions[0].offset;
  }

  lists(...timestamps: readonly number[]): Promise<number[]> {
    return Promise.all(timestamps.map((timestamp) => this.list(timestamp)));
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 200_000) {
      await this.cluster.time.advance(Math.min(left, 200_000));
      for (let turn = 0; turn < 30; turn++) await this.cluster.time.advance(0);
    }
  }

  /** The offsets of what a consumer reads from `offset` on. */
  async consume(offset: number): Promise<number[]> {
    const found: number[] = [];
    for (let next = offset; ; ) {
      const { errorCode, records, highWatermark } = await fetchFrom(this.client, "t", next);
      expect(errorCode).toBe(ErrorCode.NONE);
      for (const { header } of readBatches((records ?? new Uint8Array(0)) as Uint8Array)) {
        next = header.baseOffset + header.lastOffsetDelta + 1;
        found.push(header.baseOffset);
      }
      if (next >= highWatermark) return found;
    }
  }
}
