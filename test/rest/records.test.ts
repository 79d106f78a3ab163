import { describe, expect, it } from "vitest";
import { Codec } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { MAX_INFLATED_BYTES, MAX_RECORDS_PER_READ, READ_FETCH_BYTES } from "#rest/limits.ts";
import { batchOf, compression, restCluster, utf8 } from "../doubles/rest-cluster.ts";

const JSON_TYPE = "application/vnd.kafka.json.v2+json";
const BINARY_TYPE = "application/vnd.kafka.binary.v2+json";
const asJson = { headers: { accept: JSON_TYPE } };

function cluster() {
  const made = restCluster();
  made.brokers.addTopic("t", 2);
  return made;
}

describe("GET /topics/{topic}/partitions/{partition}/records", () => {
  it("reads binary by default", async () => {
    const { brokers, request } = cluster();
    brokers.append("t", 1, batchOf({ key: utf8("k"), value: Uint8Array.of(0xff, 0) }, { value: null }));
    const response = await request("/topics/t/partitions/1/records?offset=0&count=5");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(BINARY_TYPE);
    expect(await response.json()).toEqual([
      { topic: "t", key: "aw==", value: "/wA=", partition: 1, offset: 0 },
      { topic: "t", key: null, value: null, partition: 1, offset: 1 },
    ]);
  });

  it("reads JSON where it is asked for, as it was written", async () => {
    const { brokers, request } = cluster();
    brokers.append("t", 0, batchOf({ key: utf8("7"), value: utf8('{"n": 9007199254740993,\r\n"x":1.0}') }, '"text"'));
    const response = await request("/topics/t/partitions/0/records?offset=0&count=2", asJson);
    expect(response.headers.get("content-type")).toBe(JSON_TYPE);
    expect(await response.text()).toBe(
      '[{"topic":"t","key":7,"value":{"n": 9007199254740993,"x":1.0},"partition":0,"offset":0},' +
        '{"topic":"t","key":null,"value":"text","partition":0,"offset":1}]',
    );
  });

  it("says which record is no JSON", async () => {
    const { brokers, request } = cluster();
    brokers.append("t", 0, batchOf("1", { key: utf8("plain"), value: utf8("1") }));
    expect((await request("/topics/t/partitions/0/records?offset=0&count=1", asJson)).status).toBe(200);
    const response = await request("/topics/t/partitions/0/records?offset=0&count=2", asJson);
    expect(response.status).toBe(406);
    expect(await response.json()).toEqual({
      error_code: 40601,
      message: expect.stringContaining("key of the record at offset 1"),
    });
  });

  it("begins inside a batch, reads over batches, and stops at the count", async () => {
    const { brokers, request } = cluster();
    brokers.append("t", 0, batchOf("0", "1", "2"));
    brokers.append("t", 0, batchOf("3", "4"));
    const offsets = async (query: string) => {
      const records = (await (await request(`/topics/t/partitions/0/records?${query}`)).json()) as { offset: number }[];
      return records.map(({ offset }) => offset);
    };
    expect(await offsets("offset=1&count=3")).toEqual([1, 2, 3]);
    expect(await offsets("offset=4&count=3")).toEqual([4]);
    expect(await offsets("offset=5&count=3")).toEqual([]);
    expect(await offsets("offset=2")).toEqual([2]);
    expect(await offsets("count=0")).toEqual([]);
    brokers.partition("t", 0).logStartOffset = 3;
    expect(await offsets("count=1")).toEqual([3]);
  });

  it("fetches again until it has what was asked for", async () => {
    const { brokers, request } = cluster();
    for (let i = 0; i < 3; i++) brokers.append("t", 0, batchOf("x".repeat(READ_FETCH_BYTES - 500)));
    const response = await request("/topics/t/partitions/0/records?offset=0&count=3");
    expect(((await response.json()) as unknown[]).length).toBe(3);
    expect(brokers.requests(1).length).toBeGreaterThan(1);
  });

  it("opens compressed batches, skips control batches and gaps", async () => {
    const { brokers, request } = cluster();
    const records = [{ timestampMs: 1, key: null, value: utf8("1") }];
    brokers.append("t", 0, buildBatch(compression, records, { codec: Codec.GZIP }));
    brokers.append("t", 0, buildBatch(compression, records, { control: true, transactional: true }));
    brokers.append("t", 0, buildBatch(compression, records, { codec: Codec.LZ4 }));
    const response = await request("/topics/t/partitions/0/records?offset=0&count=9", asJson);
    expect(await response.json()).toMatchObject([{ offset: 0 }, { offset: 2 }]);
  });

  it("doesn't inflate without end", async () => {
    const { brokers, request } = cluster();
    const value = new Uint8Array(MAX_INFLATED_BYTES);
    brokers.append("t", 0, buildBatch(compression, [{ timestampMs: 1, key: null, value }], { codec: Codec.GZIP }));
    const response = await request("/topics/t/partitions/0/records?offset=0");
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error_code: 50003 });
  });

  it("follows a partition to its new leader", async () => {
    const { brokers, request, client } = restCluster({ brokerIds: [1, 2] });
    brokers.addTopic("t", 1);
    brokers.append("t", 0, batchOf("1"));
    brokers.beforeAnswer = ({ apiKey }) => {
      // The leader moves behind the offsets' back, just before the fetch.
      if (apiKey === 2) brokers.partition("t", 0).leaderId = 2;
    };
    await client.topic("t");
    const response = await request("/topics/t/partitions/0/records?offset=0", asJson);
    expect(await response.json()).toMatchObject([{ offset: 0 }]);
  });

  it.each([
    [
      "/topics/t/partitions/0/records?offset=6",
      400,
      /Offset 6 is out of range: partition 0 of t begins at 0 and ends before 0/,
    ],
    ["/topics/t/partitions/0/records?offset=-1", 400, /offset must be a whole number/],
    ["/topics/t/partitions/0/records?offset=1e3", 400, /offset must be a whole number/],
    ["/topics/t/partitions/0/records?offset=99999999999999999999", 400, /offset must be a whole number/],
    ["/topics/t/partitions/0/records?offset=", 400, /offset must be a whole number/],
    [`/topics/t/partitions/0/records?count=${MAX_RECORDS_PER_READ + 1}`, 400, /count must be a whole number from 0 to/],
    ["/topics/t/partitions/0/records?offset=0&offset=0", 400, /given twice/],
    ["/topics/t/partitions/0/records?ofset=0", 400, /Unknown query parameter ofset/],
  ])("refuses %s", async (path, status, message) => {
    const response = await cluster().request(path);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error_code: 400, message: expect.stringMatching(message) });
  });

  it("knows neither topic nor partition, nor another format", async () => {
    const { request } = cluster();
    expect(await (await request("/topics/absent/partitions/0/records")).json()).toMatchObject({ error_code: 40401 });
    expect(await (await request("/topics/t/partitions/2/records")).json()).toMatchObject({ error_code: 40402 });
    expect(await (await request("/topics/t/partitions/x/records")).json()).toMatchObject({ error_code: 40402 });
    const avro = { headers: { accept: "application/vnd.kafka.avro.v2+json" } };
    expect((await request("/topics/t/partitions/0/records", avro)).status).toBe(406);
  });
});
