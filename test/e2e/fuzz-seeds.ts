/**
 * Valid request frames to mutate. Two sorts: Apache Kafka's own bytes for every request in every version (test/vectors/protocol), whose
 * names mean nothing to the broker, and requests about a topic and a group that exist, which reach the code behind the look-ups.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { Uuid } from "#bytes/uuid.ts";
import { Writer } from "#bytes/writer.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { encodeRequestFrame } from "#protocol/frame.ts";
import { writeRequestHeader } from "#protocol/header.ts";
import { ProduceRequest } from "#protocol/messages/00-produce.ts";
import { FetchRequest } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest } from "#protocol/messages/02-list-offsets.ts";
import { MetadataRequest } from "#protocol/messages/03-metadata.ts";
import { OffsetCommitRequest } from "#protocol/messages/08-offset-commit.ts";
import { OffsetFetchRequest } from "#protocol/messages/09-offset-fetch.ts";
import { FindCoordinatorRequest } from "#protocol/messages/10-find-coordinator.ts";
import { JoinGroupRequest } from "#protocol/messages/11-join-group.ts";
import { HeartbeatRequest } from "#protocol/messages/12-heartbeat.ts";
import { LeaveGroupRequest } from "#protocol/messages/13-leave-group.ts";
import { SyncGroupRequest } from "#protocol/messages/14-sync-group.ts";
import { DescribeGroupsRequest } from "#protocol/messages/15-describe-groups.ts";
import { CreateTopicsRequest } from "#protocol/messages/19-create-topics.ts";
import { DeleteTopicsRequest } from "#protocol/messages/20-delete-topics.ts";
import { DeleteRecordsRequest } from "#protocol/messages/21-delete-records.ts";
import { OffsetForLeaderEpochRequest } from "#protocol/messages/23-offset-for-leader-epoch.ts";
import { DescribeConfigsRequest } from "#protocol/messages/32-describe-configs.ts";
import { CreatePartitionsRequest } from "#protocol/messages/37-create-partitions.ts";
import { DeleteGroupsRequest } from "#protocol/messages/42-delete-groups.ts";
import { IncrementalAlterConfigsRequest } from "#protocol/messages/44-incremental-alter-configs.ts";
import { DescribeTopicPartitionsRequest } from "#protocol/messages/75-describe-topic-partitions.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import { BATCH_HEADER_BYTES, Codec, stampCrc, writeBatchHeader } from "#records/batch.ts";

export interface Seed {
  /** `Produce v9 live` */
  readonly name: string;
  readonly frame: Uint8Array;
  /** Where a record batch begins in the frame; its CRC can be put right after a mutation inside. */
  readonly batchAt?: number;
}

export interface Target {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly group: string;
}

const VECTORS = path.join(import.meta.dirname, "../vectors");
const CLIENT = "fuzz";
/** What the bombs inflate to: beyond any limit of the broker on one batch. */
const BOMB_BYTES = 256 * 1024 * 1024;

export function seedFrames(target: Target): Seed[] {
  return [...vectorFrames(), ...liveFrames(target), ...produceFrames(target)];
}

interface VectorLine {
  readonly message?: string;
  readonly version: number;
  readonly bytes: string;
}

function vectorFrames(): Seed[] {
  const facts = JSON.parse(readFileSync(path.join(VECTORS, "protocol/facts.json"), "utf8")) as {
    name: string;
    apiKey: number;
  }[];
  const apiKeys = new Map(facts.map((fact) => [fact.name, fact.apiKey]));
  const lines = gunzipSync(readFileSync(path.join(VECTORS, "protocol/messages.ndjson.gz")))
    .toString()
    .trim()
    .split("\n");
  // Lines about stored records have other fields.
  const requests = lines
    .map((line) => JSON.parse(line) as VectorLine)
    .filter((line) => line.message?.endsWith("Request"));
  return requests.map(({ message, version, bytes }) => {
    const writer = new Writer();
    writer.int32(0);
    writeRequestHeader(writer, {
      apiKey: apiKeys.get(message ?? "") ?? -1,
      apiVersion: version,
      correlationId: 1,
      clientId: CLIENT,
    });
    writer.bytes(Buffer.from(bytes, "hex"));
    writer.setInt32(0, writer.size - 4);
    return { name: `${message?.replace("Request", "")} v${version}`, frame: writer.finish().slice() };
  });
}

function inAllVersions<Q>(request: Message<Q>, name: string, draft: Draft<Q>): Seed[] {
  const versions = Array.from({ length: request.max - request.min + 1 }, (_, index) => request.min + index);
  return versions.map((apiVersion) => {
    const writer = new Writer();
    encodeRequestFrame(writer, request, { apiVersion, correlationId: 1, clientId: CLIENT }, draft);
    return { name: `${name} v${apiVersion} live`, frame: writer.finish().slice() };
  });
}

function liveFrames({ topic, topicId, group }: Target): Seed[] {
  const member = { groupId: group, memberId: "fuzz-member", groupInstanceId: null };
  const fetched = { partition: 0, fetchOffset: 0, partitionMaxBytes: 65_536 };
  const committed = { partitionIndex: 0, committedOffset: 1, committedMetadata: "" };
  return [
    ...inAllVersions(FetchRequest, "Fetch", {
      maxWaitMs: 10,
      minBytes: 1,
      topics: [{ topic, topicId, partitions: [fetched, { ...fetched, partition: 1 }] }],
    }),
    ...inAllVersions(ListOffsetsRequest, "ListOffsets", {
      replicaId: -1,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    }),
    ...inAllVersions(MetadataRequest, "Metadata", {
      topics: [{ name: topic, topicId }],
      allowAutoTopicCreation: false,
    }),
    ...inAllVersions(OffsetCommitRequest, "OffsetCommit", {
      groupId: group,
      topics: [{ name: topic, topicId, partitions: [committed] }],
    }),
    ...inAllVersions(OffsetFetchRequest, "OffsetFetch", {
      groupId: group,
      topics: [{ name: topic, partitionIndexes: [0, 1] }],
      groups: [{ groupId: group, topics: [{ name: topic, topicId, partitionIndexes: [0, 1] }] }],
    }),
    ...inAllVersions(FindCoordinatorRequest, "FindCoordinator", { key: group, coordinatorKeys: [group] }),
    ...inAllVersions(JoinGroupRequest, "JoinGroup", {
      groupId: group,
      memberId: "",
      sessionTimeoutMs: 6000,
      rebalanceTimeoutMs: 100,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.from("0001000000010004667566660000000000", "hex") }],
    }),
    ...inAllVersions(SyncGroupRequest, "SyncGroup", { ...member, generationId: 1, assignments: [] }),
    ...inAllVersions(HeartbeatRequest, "Heartbeat", { ...member, generationId: 1 }),
    ...inAllVersions(LeaveGroupRequest, "LeaveGroup", { ...member, members: [{ memberId: "fuzz-member" }] }),
    ...inAllVersions(DescribeGroupsRequest, "DescribeGroups", { groups: [group] }),
    ...inAllVersions(DeleteGroupsRequest, "DeleteGroups", { groupsNames: [group] }),
    ...adminFrames(topic),
  ];
}

function adminFrames(topic: string): Seed[] {
  const other = "fuzz-other";
  const resource = { resourceType: 2, resourceName: topic };
  return [
    ...inAllVersions(CreateTopicsRequest, "CreateTopics", {
      topics: [
        { name: other, numPartitions: 2, replicationFactor: 1, configs: [{ name: "retention.ms", value: "1000" }] },
      ],
    }),
    ...inAllVersions(DeleteTopicsRequest, "DeleteTopics", { topics: [{ name: other }], topicNames: [other] }),
    ...inAllVersions(DeleteRecordsRequest, "DeleteRecords", {
      topics: [{ name: topic, partitions: [{ partitionIndex: 1, offset: 1 }] }],
    }),
    ...inAllVersions(OffsetForLeaderEpochRequest, "OffsetForLeaderEpoch", {
      topics: [{ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    }),
    ...inAllVersions(DescribeConfigsRequest, "DescribeConfigs", {
      resources: [{ ...resource, configurationKeys: null }],
    }),
    ...inAllVersions(CreatePartitionsRequest, "CreatePartitions", {
      topics: [{ name: other, count: 3, assignments: null }],
    }),
    ...inAllVersions(IncrementalAlterConfigsRequest, "IncrementalAlterConfigs", {
      resources: [{ ...resource, configs: [{ name: "retention.ms", configOperation: 0, value: "604800000" }] }],
    }),
    ...inAllVersions(DescribeTopicPartitionsRequest, "DescribeTopicPartitions", { topics: [{ name: topic }] }),
  ];
}

/** Produce requests with Apache Kafka's own batches in each codec, and with batches that inflate far beyond their size. */
function produceFrames({ topic, topicId }: Target): Seed[] {
  const made = ["none", "gzip", "snappy", "lz4", "zstd"].map((codec) => {
    return { name: codec, batch: new Uint8Array(readFileSync(path.join(VECTORS, `records/java-${codec}.bin`))) };
  });
  const zeros = Buffer.alloc(BOMB_BYTES);
  const bombs = [
    { name: "gzip-bomb", batch: bombOf(Codec.GZIP, gzipSync(zeros)) },
    { name: "zstd-bomb", batch: bombOf(Codec.ZSTD, zstdCompressSync(zeros)) },
  ];
  return [...made, ...bombs].flatMap(({ name, batch }) => {
    const partitionData = [{ index: 0, records: batch }];
    const draft = { acks: -1, timeoutMs: 1000, topicData: [{ name: topic, topicId, partitionData }] };
    return inAllVersions(ProduceRequest, `Produce ${name}`, draft).map((seed) => {
      return { ...seed, batchAt: Buffer.from(seed.frame).indexOf(batch.subarray(0, BATCH_HEADER_BYTES)) };
    });
  });
}

function bombOf(codec: Codec, compressed: Uint8Array): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES + compressed.length);
  batch.set(compressed, BATCH_HEADER_BYTES);
  writeBatchHeader(batch, 0, {
    baseOffset: 0,
    sizeInBytes: batch.length,
    partitionLeaderEpoch: -1,
    attributes: codec,
    lastOffsetDelta: 0,
    baseTimestamp: Date.now(),
    maxTimestamp: Date.now(),
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    recordCount: 1,
  });
  stampCrc(referenceKernels, batch, 0);
  return batch;
}
