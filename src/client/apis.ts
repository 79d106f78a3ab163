/**
 * The requests that this client makes, each in one fixed version. Client and broker are built and deployed together, so
 * nothing is negotiated; a test holds every version here against what the message tables know.
 *
 * Produce and Fetch name topics by id (version 13): when a topic was deleted and made again, what was planned for the old
 * one must not reach the new one.
 */

import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { ApiVersionsRequest, ApiVersionsResponse } from "#protocol/messages/18-api-versions.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { DescribeConfigsRequest, DescribeConfigsResponse } from "#protocol/messages/32-describe-configs.ts";
import type { Message } from "#protocol/schema.ts";

/** One request with its response, in the version that the client speaks. */
export interface Api<Q, S> {
  readonly request: Message<Q>;
  readonly response: Message<S>;
  readonly version: number;
}

export const produceApi = { request: ProduceRequest, response: ProduceResponse, version: 13 };
export const fetchApi = { request: FetchRequest, response: FetchResponse, version: 13 };
export const listOffsetsApi = { request: ListOffsetsRequest, response: ListOffsetsResponse, version: 10 };
export const metadataApi = { request: MetadataRequest, response: MetadataResponse, version: 12 };
export const apiVersionsApi = { request: ApiVersionsRequest, response: ApiVersionsResponse, version: 3 };
export const createTopicsApi = { request: CreateTopicsRequest, response: CreateTopicsResponse, version: 7 };
export const describeConfigsApi = { request: DescribeConfigsRequest, response: DescribeConfigsResponse, version: 4 };
