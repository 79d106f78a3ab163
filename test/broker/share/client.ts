import { expect } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import { ShareFetchRequest, ShareFetchResponse } from "#protocol/messages/78-share-fetch.ts";
import { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from "#protocol/messages/79-share-acknowledge.ts";
import {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from "#protocol/messages/83-initialize-share-group-state.ts";
import type { TestClient } from "../../doubles/core-cluster.ts";
import { valuesIn } from "../../doubles/core-cluster.ts";

const VERSION = 2;
const GROUP_RESOURCE = 32;

export interface Said {
  readonly first: number;
  readonly last: number;
  readonly types: readonly number[];
}

/** A member of a share group that knows what it does with which partition. */
export class ShareMember {
  readonly client: TestClient;
  readonly memberId: string;
  readonly topicId: string;
  epoch = 0;

  constructor(client: TestClient, topicId: string, memberId: string) {
    this.client = client;
    this.topicId = topicId;
    this.memberId = memberId;
  }

  draft(said: readonly Said[] = [], extra: object = {}) {
    const acknowledgementBatches = said.map(({ first, last, types }) => ({
      firstOffset: first,
      lastOffset: last,
      acknowledgeTypes: types,
    }));
    return {
      groupId: "g",
      memberId: this.memberId,
      shareSessionEpoch: this.epoch,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1 << 20,
      maxRecords: 500,
      batchSize: 500,
      topics: [{ topicId: this.topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches }] }],
      ...extra,
    };
  }

  async fetchWhole(said: readonly Said[] = [], extra: object = {}) {
    const response = await this.client.call(ShareFetchRequest, ShareFetchResponse, VERSION, this.draft(said, extra));
    if (response.errorCode === ErrorCode.NONE && this.epoch >= 0) this.epoch += 1;
    return response;
  }

  /** What was acquired as "0-9x1", and the values that came with it. */
  async fetch(said: readonly Said[] = [], extra: object = {}) {
    const response = await this.fetchWhole(said, extra);
    expect(response.errorCode).toBe(ErrorCode.NONE);
    return summary(response);
  }

  async acknowledge(said: readonly Said[], extra: object = {}) {
    const draft = { ...this.draft(said), ...extra };
    const response = await this.client.call(ShareAcknowledgeRequest, ShareAcknowledgeResponse, VERSION, draft);
    if (response.errorCode !== ErrorCode.NONE) return response.errorCode;
    if (this.epoch >= 0) this.epoch += 1;
    return response.responses[0]?.partitions[0]?.errorCode;
  }
}

export function summary(response: ShareFetchResponse) {
  const partition = response.responses[0]?.partitions[0];
  if (partition === undefined) return { acquired: "", values: [], errorCode: 0, acknowledged: 0 };
  return {
    acquired: partition.acquiredRecords
      .map((one) => `${one.firstOffset}-${one.lastOffset}x${one.deliveryCount}`)
      .join(" "),
    values: partition.records === null ? [] : valuesIn(partition.records).map(({ value }) => value),
    errorCode: partition.errorCode,
    acknowledged: partition.acknowledgeErrorCode,
  };
}

export async function initialize(client: TestClient, topicId: string, startOffset = -1, stateEpoch = 1) {
  const topics = [{ topicId, partitions: [{ partition: 0, stateEpoch, startOffset }] }];
  const response = await client.call(InitializeShareGroupStateRequest, InitializeShareGroupStateResponse, 0, {
    groupId: "g",
    topics,
  });
  expect(response.results[0].partitions[0].errorCode).toBe(ErrorCode.NONE);
}

export async function configure(client: TestClient, configs: Record<string, string>, groupId = "g") {
  const response = await client.call(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, 1, {
    resources: [
      {
        resourceType: GROUP_RESOURCE,
        resourceName: groupId,
        configs: Object.entries(configs).map(([name, value]) => ({ name, value, configOperation: 0 })),
      },
    ],
  });
  return response.responses[0].errorCode;
}
