import { describe, expect, it } from "vitest";
import type { ListOffsetsRequest } from "#protocol/messages/02-list-offsets.ts";
import { Codec } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import {
  BUDGET_WAIT_MS,
  MAX_INFLATED_BYTES,
  MAX_READ_BYTES,
  MAX_RECORDS_PER_READ,
  MAX_SHOWN_RECORD_BYTES,
  READ_FETCH_BYTES,
  SLOW_READER_MS,
} from "#rest/limits.ts";
import { settle } from "../doubles/manual-time.ts";
import { batchOf, compression, restCluster, utf8 } from "../doubles/rest-cluster.ts";

const JSON_TYPE = "application/vnd.kafka.json.v2+json";
const BINARY_TYPE = "application/vnd.kafka.binary.v2+json";
const asJson = { headers: { accept: JSON_TYPE } };

/** One batch of records of which two fill an answer. */
function largeRecords(count: number): Uint8Array {
  const value = new Uint8Array(1_250_000);
  const records = Array.from({ length: count }, () => ({ timestampMs: 1, key: null, value }));
  return buildBatch(compression, records, { codec: Codec.GZIP });
}

/** One batch of one record that says gzip, and is none. */
function garbage(): Uint8Array {
  const batch = buildBatch(compression, [{ timestampMs: 1, key: null, value: utf8("x") }], { codec: Codec.GZIP });
  batch.fill(0xff, 61);
  return batch;
}

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
    expect(await response.json()).toEqual({
      error_code: 50002,
      message: expect.stringMatching(
        /^Offset 0 of partition 0 of t can't be shown: .*too-large; the batch behind it begins at offset 1/,
      ),
    });
  });

  it("says for good what it can't open, behind what it can", async () => {
    const { brokers, request } = cluster();
    brokers.append("t", 0, batchOf("good"));
    brokers.append("t", 0, garbage());
    brokers.append("t", 0, batchOf("good again"));
    const path = "/topics/t/partitions/0/records?count=9&offset=";
    expect(await (await request(`${path}0`)).json()).toMatchObject([{ offset: 0 }]);
    const response = await request(`${path}1`);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error_code: 50002, message: expect.stringContaining("at offset 2") });
    expect(await (await request(`${path}2`)).json()).toMatchObject([{ offset: 2 }]);
  });

  it("shows no record that is too large, not even the first", async () => {
    const { brokers, request } = cluster();
    const large = { timestampMs: 1, key: null, value: new Uint8Array(MAX_SHOWN_RECORD_BYTES + 1) };
    const withHeaders = { timestampMs: 1, key: null, value: null, headers: [{ key: "h", value: large.value }] };
    const small = { timestampMs: 1, key: null, value: utf8("x") };
    brokers.append("t", 0, buildBatch(compression, [small, large, small], { codec: Codec.GZIP }));
    brokers.append("t", 0, buildBatch(compression, [withHeaders], { codec: Codec.GZIP }));
    const path = "/topics/t/partitions/0/records?count=9&offset=";
    expect(await (await request(`${path}0`)).json()).toMatchObject([{ offset: 0 }]);
    for (const offset of [1, 3]) {
      const response = await request(`${path}${offset}`);
      expect(response.status).toBe(500);
      const message = expect.stringContaining(`Offset ${offset} of partition 0 of t can't be shown: the record has`);
      expect(await response.json()).toEqual({ error_code: 50002, message });
    }
    expect(await (await request(`${path}2`)).json()).toMatchObject([{ offset: 2 }]);
  });

  it("leaves a record that doesn't fit any more for the next answer", async () => {
    const { brokers, request } = cluster();
    brokers.append("t", 0, largeRecords(6));
    const lengths: number[] = [];
    for (let offset = 0; offset < 6; ) {
      const text = await (await request(`/topics/t/partitions/0/records?count=9&offset=${offset}`)).text();
      expect(text.length).toBeLessThanOrEqual(MAX_READ_BYTES + 10);
      lengths.push(JSON.parse(text).length);
      offset += lengths.at(-1) ?? 0;
    }
    expect(lengths).toEqual([2, 2, 2]);
  });

  it("opens a bounded number of bytes for an answer that shows little", async () => {
    const { brokers, request } = cluster();
    const headers = [{ key: "h", value: new Uint8Array(MAX_SHOWN_RECORD_BYTES - 100) }];
    const records = [1, 2, 3].map(() => ({ timestampMs: 1, key: null, value: utf8("x"), headers }));
    for (let i = 0; i < 8; i++) brokers.append("t", 0, buildBatch(compression, records, { codec: Codec.GZIP }));
    const shown = (await (await request("/topics/t/partitions/0/records?count=24")).json()) as unknown[];
    expect(shown).toHaveLength(18);
    const next = await request("/topics/t/partitions/0/records?count=24&offset=18");
    expect(((await next.json()) as unknown[]).length).toBe(6);
  });

  it("shows binary to whoever takes any JSON", async () => {
    const { brokers, request } = cluster();
    brokers.append("t", 0, batchOf("1"));
    const init = { headers: { accept: "application/json" } };
    const response = await request("/topics/t/partitions/0/records?offset=0", init);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toMatchObject([{ value: "MQ==" }]);
  });

  describe("while the log is cut, and its leader still tells the old start", () => {
    function cutCluster(oldStarts: number) {
      const made = cluster();
      made.brokers.append("t", 0, batchOf("0", "1", "2", "3"));
      made.brokers.partition("t", 0).logStartOffset = 2;
      let told = 0;
      made.brokers.intercept = ({ apiKey, body }) => {
        if (apiKey !== 2 || (body as ListOffsetsRequest).topics[0].partitions[0].timestamp !== -2) return undefined;
        return ++told > oldStarts
          ? undefined
          : { topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 0 }] }] };
      };
      return made;
    }

    it.each([1, 5])("waits for the new one, told the old one %i times", async (oldStarts) => {
      const { request } = cutCluster(oldStarts);
      const response = await request("/topics/t/partitions/0/records?count=9");
      expect(await response.json()).toMatchObject([{ offset: 2 }, { offset: 3 }]);
    });

    it.each([1, 1_000])("refuses an offset that is gone, told the old one %i times", async (oldStarts) => {
      const { request } = cutCluster(oldStarts);
      const response = await request("/topics/t/partitions/0/records?offset=1");
      expect(response.status).toBe(400);
      const message = expect.stringMatching(/^Offset 1 is out of range: partition 0 of t /);
      expect(await response.json()).toEqual({ error_code: 400, message });
    });

    it("answers what it has", async () => {
      const { brokers, request } = cluster();
      for (let i = 0; i < 3; i++) brokers.append("t", 0, batchOf("x".repeat(READ_FETCH_BYTES - 500)));
      brokers.beforeAnswer = ({ apiKey }) => {
        if (apiKey === 1) brokers.partition("t", 0).logStartOffset = 3;
      };
      const response = await request("/topics/t/partitions/0/records?offset=0&count=3");
      expect(response.status).toBe(200);
      const shown = (await response.json()) as unknown[];
      expect(shown.length).toBeGreaterThan(0);
      expect(shown.length).toBeLessThan(3);
    });
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

describe("many large reads at once", () => {
  async function reads(count: number) {
    const made = cluster();
    made.brokers.append("t", 0, largeRecords(3));
    const answered: Response[] = [];
    const all = Array.from({ length: count }, async () => {
      const response = await made.request("/topics/t/partitions/0/records?offset=0&count=9");
      answered.push(response);
      return response;
    });
    for (let i = 0; i < 50; i++) await settle();
    return { ...made, answered, all };
  }

  it("wait for those before them to be taken", async () => {
    const { answered, all, brokers } = await reads(30);
    expect(answered.length).toBeGreaterThan(3);
    expect(answered.length).toBeLessThan(10);
    expect(brokers.requests(1)).toHaveLength(answered.length);
    for (let taken = 0; taken < all.length; taken++) {
      expect(answered.length).toBeGreaterThan(taken);
      expect(answered[taken].status).toBe(200);
      expect((await answered[taken].text()).length).toBeGreaterThan(MAX_READ_BYTES / 2);
      for (let i = 0; i < 10; i++) await settle();
    }
  });

  it("are refused after a while", async () => {
    const { time, answered, all } = await reads(12);
    const held = answered.length;
    await time.advance(BUDGET_WAIT_MS);
    const refused = (await Promise.all(all)).filter(({ status }) => status === 503);
    expect(refused).toHaveLength(12 - held);
    expect(await refused[0].json()).toMatchObject({ error_code: 50302 });
    expect(refused[0].headers.get("retry-after")).toBe("1");
  });

  it("break off where their client doesn't read, and make room", async () => {
    const { time, answered, request } = await reads(12);
    await time.advance(SLOW_READER_MS);
    await expect(answered[0].text()).rejects.toThrow("too long");
    expect((await request("/topics/t/partitions/0/records?offset=0&count=9")).status).toBe(200);
  });

  it("make room when their client goes away, and take none for HEAD", async () => {
    const { answered, all, request, time } = await reads(12);
    for (const response of answered) await response.body?.cancel();
    for (const response of await Promise.all(all)) if (!answered.includes(response)) await response.body?.cancel();
    for (let i = 0; i < 20; i++) {
      const head = await request("/topics/t/partitions/0/records?offset=0&count=9", { method: "HEAD" });
      expect(head.status).toBe(200);
    }
    await Promise.all(answered.map((response) => response.body?.cancel().catch(() => {})));
    expect(time.pending).toBe(0);
  });
});
