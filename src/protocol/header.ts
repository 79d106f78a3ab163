import { MalformedMessageError } from "#bytes/malformed.ts";
import type { Reader } from "#bytes/reader.ts";
import type { Writer } from "#bytes/writer.ts";
import { ApiKey } from "./api-keys.ts";

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * From which version on an API is flexible, for all of Kafka 4.4's: the header must be read before it is known whether the version is one of
 * ours. An API that isn't listed is flexible from version 0; those without a request any more are unknown.
 */
const FIRST_FLEXIBLE: ReadonlyMap<number, number> = new Map([
  [ApiKey.Produce, 9],
  [ApiKey.Fetch, 12],
  [ApiKey.ListOffsets, 6],
  [ApiKey.Metadata, 9],
  [ApiKey.OffsetCommit, 8],
  [ApiKey.OffsetFetch, 6],
  [ApiKey.FindCoordinator, 3],
  [ApiKey.JoinGroup, 6],
  [ApiKey.Heartbeat, 4],
  [ApiKey.LeaveGroup, 4],
  [ApiKey.SyncGroup, 4],
  [ApiKey.DescribeGroups, 5],
  [ApiKey.ListGroups, 3],
  [ApiKey.SaslHandshake, NEVER],
  [ApiKey.ApiVersions, 3],
  [ApiKey.CreateTopics, 5],
  [ApiKey.DeleteTopics, 4],
  [ApiKey.DeleteRecords, 2],
  [ApiKey.InitProducerId, 2],
  [ApiKey.OffsetForLeaderEpoch, 4],
  [ApiKey.AddPartitionsToTxn, 3],
  [ApiKey.AddOffsetsToTxn, 3],
  [ApiKey.EndTxn, 3],
  [ApiKey.WriteTxnMarkers, 1],
  [ApiKey.TxnOffsetCommit, 3],
  [ApiKey.DescribeAcls, 2],
  [ApiKey.CreateAcls, 2],
  [ApiKey.DeleteAcls, 2],
  [ApiKey.DescribeConfigs, 4],
  [ApiKey.AlterConfigs, 2],
  [ApiKey.AlterReplicaLogDirs, 2],
  [ApiKey.DescribeLogDirs, 2],
  [ApiKey.SaslAuthenticate, 2],
  [ApiKey.CreatePartitions, 2],
  [ApiKey.CreateDelegationToken, 2],
  [ApiKey.RenewDelegationToken, 2],
  [ApiKey.ExpireDelegationToken, 2],
  [ApiKey.DescribeDelegationToken, 2],
  [ApiKey.DeleteGroups, 2],
  [ApiKey.ElectLeaders, 2],
  [ApiKey.IncrementalAlterConfigs, 1],
  [ApiKey.OffsetDelete, NEVER],
  [ApiKey.DescribeClientQuotas, 1],
  [ApiKey.AlterClientQuotas, 1],
  [ApiKey.BeginQuorumEpoch, 1],
  [ApiKey.EndQuorumEpoch, 1],
]);

const REMOVED: ReadonlySet<number> = new Set([
  ApiKey.LeaderAndIsr,
  ApiKey.StopReplica,
  ApiKey.UpdateMetadata,
  ApiKey.ControlledShutdown,
]);
const LAST_KEY = Math.max(...Object.values(ApiKey));

/** The first flexible version of a request; undefined for a key that Kafka 4.4 doesn't know. */
function firstFlexibleVersion(apiKey: number): number | undefined {
  if (apiKey < 0 || apiKey > LAST_KEY || REMOVED.has(apiKey)) return undefined;
  return FIRST_FLEXIBLE.get(apiKey) ?? 0;
}

/** 2 for a flexible version (tagged fields follow the client id), else 1. */
export function requestHeaderVersion(apiKey: number, apiVersion: number): 1 | 2 {
  return apiVersion >= (firstFlexibleVersion(apiKey) ?? NEVER) ? 2 : 1;
}

/** 1 for a flexible version, else 0; ApiVersions always has 0, because its client may not know yet what the broker speaks (KIP-511). */
export function responseHeaderVersion(apiKey: number, apiVersion: number): 0 | 1 {
  return apiKey !== ApiKey.ApiVersions && requestHeaderVersion(apiKey, apiVersion) === 2 ? 1 : 0;
}

/**
 * Leaves the reader at the body. An unknown API key throws `MalformedMessageError`, as the header's own version can't be known then; an
 * unsupported version doesn't: dispatch decides. A null client id stays null.
 */
export function decodeRequestHeader(reader: Reader): RequestHeader {
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  if (firstFlexibleVersion(apiKey) === undefined) throw new MalformedMessageError(`unknown API key ${apiKey}`);
  // The client id is never compact, not even in header version 2.
  const length = reader.int16();
  const clientId = length < 0 ? null : reader.text(length);
  if (requestHeaderVersion(apiKey, apiVersion) === 2) skipTags(reader);
  return { apiKey, apiVersion, correlationId, clientId };
}

/** Leaves the reader at the body and returns the correlation id. */
export function decodeResponseHeader(reader: Reader, apiKey: number, apiVersion: number): number {
  const correlationId = reader.int32();
  if (responseHeaderVersion(apiKey, apiVersion) === 1) skipTags(reader);
  return correlationId;
}

export function writeRequestHeader(writer: Writer, header: RequestHeader): void {
  writer.int16(header.apiKey);
  writer.int16(header.apiVersion);
  writer.int32(header.correlationId);
  if (header.clientId === null) writer.int16(-1);
  else writer.shortText(header.clientId);
  if (requestHeaderVersion(header.apiKey, header.apiVersion) === 2) writer.unsignedVarint(0);
}

export function writeResponseHeader(writer: Writer, apiKey: number, apiVersion: number, correlationId: number): void {
  writer.int32(correlationId);
  if (responseHeaderVersion(apiKey, apiVersion) === 1) writer.unsignedVarint(0);
}

/** No header field is tagged yet. Each tag takes two bytes at least, so the loop ends with the reader's bytes. */
function skipTags(reader: Reader): void {
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    reader.unsignedVarint();
    reader.skip(reader.unsignedVarint());
  }
}
