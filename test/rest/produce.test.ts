import { describe, expect, it } from "vitest";
import { fetchedBatches } from "#client/batches.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  BODY_DEADLINE_MS,
  BUDGET_WAIT_MS,
  MAX_BODIES_BYTES,
  MAX_BODY_BYTES,
  MAX_JSON_DEPTH,
  MAX_RECORDS_PER_PRODUCE,
} from "#rest/limits.ts";
import type { Brokers } from "../doubles/brokers.ts";
import { settle } from "../doubles/manual-time.ts";
import { compression, restCluster } from "../doubles/rest-cluster.ts";

const JSON_TYPE = "application/vnd.kafka.json.v2+json";
const BINARY_TYPE = "application/vnd.kafka.binary.v2+json";

function post(
  body: NonNullable<RequestInit["body"]>,
  contentType: string | null = JSON_TYPE,
  accept?: string,
): RequestInit {
  const headers = new Headers();
  if (contentType !== null) headers.set("content-type", contentType);
  if (accept !== undefined) headers.set("accept", accept);
  return { method: "POST", body, headers };
}

/** Keys and values of a partition, as text. */
function stored(brokers: Brokers, topic: string, partition: number): (string | null)[][] {
  const text = (bytes: Uint8Array | null) => (bytes === null ? null : new TextDecoder().decode(bytes));
  return brokers
    .partition(topic, partition)
    .batches.flatMap((bytes) =>
      [...fetchedBatches(bytes)].flatMap((batch) =>
        [...batch.records(compression, 0, 1_000_000)].map(({ key, value }) => [text(key), text(value)]),
      ),
    );
}

function cluster(partitionCount = 1) {
  const made = restCluster();
  made.brokers.addTopic("t", partitionCount);
  return made;
}

describe("POST /topics/{topic}", () => {
  it("appends JSON records and answers with their offsets", async () => {
    const { brokers, request } = cluster(2);
    const records = [
      { key: "k", value: { a: [1, "ü"] }, partition: 0 },
      { value: "text", partition: 1 },
      { key: null, value: null, partition: 0 },
      { key: 7, partition: 0 },
      { value: false, partition: 1 },
    ];
    const response = await request("/topics/t", post(JSON.stringify({ records })));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/vnd.kafka.v2+json");
    expect(await response.text()).toBe(
      '{"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null},' +
        '{"partition":1,"offset":0,"error_code":null,"error":null},' +
        '{"partition":0,"offset":1,"error_code":null,"error":null},' +
        '{"partition":0,"offset":2,"error_code":null,"error":null},' +
        '{"partition":1,"offset":1,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}',
    );
    expect(stored(brokers, "t", 0)).toEqual([
      ['"k"', '{"a":[1,"ü"]}'],
      [null, null],
      ["7", null],
    ]);
    expect(stored(brokers, "t", 1)).toEqual([
      [null, '"text"'],
      [null, "false"],
    ]);
  });

  it("appends binary records", async () => {
    const { brokers, request } = cluster();
    const body = '{"records":[{"key":"a2V5","value":"/wD+"},{"value":""}]}';
    expect((await request("/topics/t", post(body, `${BINARY_TYPE}; charset=utf-8`))).status).toBe(200);
    const [batch] = fetchedBatches(brokers.partition("t", 0).batches[0]);
    const records = [...batch.records(compression, 0, 1_000)];
    expect(records[0].key).toEqual(new TextEncoder().encode("key"));
    expect(records[0].value).toEqual(Uint8Array.of(0xff, 0, 0xfe));
    expect(records[1].value).toEqual(new Uint8Array(0));
  });

  it("keeps large and precise numbers as they were written", async () => {
    const { brokers, request } = cluster();
    const body = '{"records":[{"key":9007199254740993,"value":{"n":[1.0,-0,123456789012345678901234567890]}}]}';
    expect((await request("/topics/t", post(body))).status).toBe(200);
    expect(stored(brokers, "t", 0)).toEqual([["9007199254740993", '{"n":[1.0,-0,123456789012345678901234567890]}']]);
  });

  it("takes the time of the request for the records", async () => {
    const { brokers, request, time } = cluster();
    await request("/topics/t", post('{"records":[{"value":1}]}'));
    const [batch] = fetchedBatches(brokers.partition("t", 0).batches[0]);
    expect([...batch.records(compression, 0, 1_000)][0].timestampMs).toBe(time.nowMs());
  });

  it("creates the topic where the cluster does so, else answers 404", async () => {
    const creating = restCluster({ autoCreate: 3 });
    expect((await creating.request("/topics/new", post('{"records":[{"value":1}]}'))).status).toBe(200);
    const refusing = restCluster();
    const response = await refusing.request("/topics/new", post('{"records":[{"value":1}]}'));
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ error_code: 40401, message: "Topic not found." });
  });

  it("refuses a topic name that isn't legal", async () => {
    const response = await restCluster({ autoCreate: 1 }).request(
      "/topics/no%20name",
      post('{"records":[{"value":1}]}'),
    );
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error_code: 40002 });
  });

  it("reports errors per record", async () => {
    const { brokers, request } = cluster();
    brokers.intercept = ({ apiKey }) =>
      apiKey === 0
        ? { responses: [{ partitionResponses: [{ index: 0, errorCode: ErrorCode.MESSAGE_TOO_LARGE }] }] }
        : undefined;
    const response = await request("/topics/t", post('{"records":[{"value":1},{"value":2,"partition":9}]}'));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      offsets: [
        { partition: null, offset: null, error_code: 50002, error: expect.any(String) },
        { partition: null, offset: null, error_code: 50003, error: expect.any(String) },
      ],
      key_schema_id: null,
      value_schema_id: null,
    });
  });

  it("answers 403 when a record may not be written", async () => {
    const { brokers, request } = cluster();
    brokers.intercept = ({ apiKey }) =>
      apiKey === 0
        ? {
            responses: [{ partitionResponses: [{ index: 0, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }] }],
          }
        : undefined;
    const response = await request("/topics/t", post('{"records":[{"value":1}]}'));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ offsets: [{ error_code: 40301 }] });
  });

  it("says that no broker answers", async () => {
    const { brokers, request } = cluster();
    brokers.intercept = () => {
      throw new Error("gone");
    };
    const response = await request("/topics/t", post('{"records":[{"value":1}]}'));
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error_code: 50302 });
  });
});

describe("POST /topics/{topic}/partitions/{partition}", () => {
  it("appends to that partition", async () => {
    const { brokers, request } = cluster(3);
    const response = await request("/topics/t/partitions/2", post('{"records":[{"key":"k","value":1},{"value":2}]}'));
    expect(await response.json()).toMatchObject({
      offsets: [
        { partition: 2, offset: 0 },
        { partition: 2, offset: 1 },
      ],
    });
    expect(stored(brokers, "t", 2)).toHaveLength(2);
  });

  it.each(["7", "-1", "x"])("knows no partition %s", async (partition) => {
    const response = await cluster().request(`/topics/t/partitions/${partition}`, post('{"records":[{"value":1}]}'));
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ error_code: 40402, message: "Partition not found." });
  });

  it("refuses records that name a partition themselves", async () => {
    const response = await cluster().request("/topics/t/partitions/0", post('{"records":[{"value":1,"partition":0}]}'));
    expect(response.status).toBe(422);
  });
});

describe("a request that is no produce request", () => {
  const CASES: readonly (readonly [body: string, status: number, message: RegExp])[] = [
    ["", 422, /^Null input provided. Data is required.$/],
    ["null", 422, /^Null input provided. Data is required.$/],
    ["{", 400, /no JSON/],
    ["\u0000", 400, /no JSON/],
    ["[]", 400, /JSON object/],
    ["7", 400, /JSON object/],
    ["12345678901234567890", 400, /JSON object/],
    ["{}", 422, /records must not be empty/],
    ['{"records":[]}', 422, /records must not be empty/],
    ['{"records":null}', 422, /records must not be empty/],
    ['{"records":{}}', 400, /records must be an array/],
    ['{"records":[null]}', 400, /records\[0\]: a record must be an object/],
    ['{"records":[{"value":1},[]]}', 400, /records\[1\]: a record must be an object/],
    ['{"records":[12345678901234567890]}', 400, /records\[0\]: a record must be an object/],
    ['{"records":[{"value":1}],"more":1}', 422, /Unrecognized field: more/],
    ['{"records":[{"value":1,"headers":[]}]}', 422, /records\[0\]: Unrecognized field: headers/],
    ['{"records":[{"value":1,"partition":"0"}]}', 400, /partition must be an integer/],
    ['{"records":[{"value":1,"partition":0.5}]}', 400, /partition must be an integer/],
    ['{"records":[{"value":1,"partition":-1}]}', 422, /greater than or equal to 0/],
    ['{"records":[{"value":1,"partition":2147483648}]}', 422, /less than or equal to 2147483647/],
    [`{"records":[{"value":${"[".repeat(MAX_JSON_DEPTH)}`, 400, /nested/],
  ];

  it.each(CASES)("%j", async (body, status, message) => {
    const { brokers, request } = cluster();
    const response = await request("/topics/t", post(body));
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error_code: status, message: expect.stringMatching(message) });
    expect(brokers.requests(0)).toHaveLength(0);
  });

  it.each([
    ['{"records":[{"value":"a"}]}', /records\[0\]: value is not a valid base64 string/],
    ['{"records":[{"key":"??","value":"AA=="}]}', /key is not a valid base64 string/],
    ['{"records":[{"value":{"a":1}}]}', /value is not a valid base64 string/],
  ])("binary: %s", async (body, message) => {
    const response = await cluster().request("/topics/t", post(body, BINARY_TYPE));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error_code: 400, message: expect.stringMatching(message) });
  });

  it.each([
    [null, /send application\/vnd.kafka.json.v2\+json/],
    ["application/json", /send application\/vnd.kafka.json.v2\+json/],
    ["text/plain", /send application\/vnd.kafka.json.v2\+json/],
    ["application/vnd.kafka.v2+json", /send application\/vnd.kafka.json.v2\+json/],
    ["application/vnd.kafka.avro.v2+json", /schema registry/],
  ])("content type %s", async (contentType, message) => {
    const body = new TextEncoder().encode('{"records":[{"value":1}]}');
    const response = await cluster().request("/topics/t", post(body, contentType));
    expect(response.status).toBe(415);
    expect(await response.json()).toEqual({ error_code: 415, message: expect.stringMatching(message) });
  });

  it("asks for an answer in another type", async () => {
    const response = await cluster().request("/topics/t", post('{"records":[{"value":1}]}', JSON_TYPE, "text/html"));
    expect(response.status).toBe(406);
  });

  it("has too many records", async () => {
    const body = `{"records":[${"{},".repeat(MAX_RECORDS_PER_PRODUCE)}{}]}`;
    const response = await cluster().request("/topics/t", post(body));
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining(`${MAX_RECORDS_PER_PRODUCE}`) });
  });

  it("is too large, whether it says so or not", async () => {
    const { brokers, request } = cluster();
    let given = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        given += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const init = { ...post(endless), duplex: "half" } as RequestInit;
    const response = await request("/topics/t", init);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error_code: 413 });
    expect(given).toBeLessThan(MAX_BODY_BYTES + 5 * 65_536);
    const honest = post("{}");
    (honest.headers as Headers).set("content-length", `${MAX_BODY_BYTES + 1}`);
    expect((await request("/topics/t", honest)).status).toBe(413);
    expect(brokers.requests(0)).toHaveLength(0);
  });
});

describe("bodies that don't come as they should", () => {
  /** Sends so many bytes and then nothing. */
  function stalling(sizeInBytes: number): RequestInit {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        if (sizeInBytes > 0) controller.enqueue(new Uint8Array(sizeInBytes));
      },
    });
    const init = { ...post(body), duplex: "half" } as RequestInit;
    (init.headers as Headers).set("content-length", `${MAX_BODY_BYTES}`);
    return init;
  }

  const good = () => post('{"records":[{"value":1}]}');

  it("time out", async () => {
    const { request, time, brokers, failures } = cluster();
    const response = request("/topics/t", stalling(10));
    await time.advance(BODY_DEADLINE_MS);
    expect((await response).status).toBe(408);
    expect(await (await response).json()).toMatchObject({ error_code: 408 });
    expect(brokers.requests(0)).toHaveLength(0);
    expect(failures).toEqual([]);
    expect(time.pending).toBe(0);
  });

  it("are held up to a bound, and others wait for them in vain or not", async () => {
    const { request, time } = cluster();
    const slow = Array.from({ length: MAX_BODIES_BYTES / MAX_BODY_BYTES }, () =>
      request("/topics/t", stalling(MAX_BODY_BYTES - 1)),
    );
    await settle();
    const refused = request("/topics/t", good());
    await time.advance(BUDGET_WAIT_MS);
    expect((await refused).status).toBe(503);
    await time.advance(BODY_DEADLINE_MS - BUDGET_WAIT_MS - 1);
    const patient = request("/topics/t", good());
    await time.advance(1);
    expect((await patient).status).toBe(200);
    for (const { status } of await Promise.all(slow)) expect(status).toBe(408);
    expect(time.pending).toBe(0);
  });

  it("take nothing for what they only announce", async () => {
    const { request } = cluster();
    for (let i = 0; i < 100; i++) request("/topics/t", stalling(0));
    await settle();
    expect((await request("/topics/t", good())).status).toBe(200);
  });

  it("are the client's fault when they break off", async () => {
    const { request, failures } = cluster();
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error("the peer is gone"));
      },
    });
    const response = await request("/topics/t", { ...post(body), duplex: "half" } as RequestInit);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error_code: 400, message: expect.stringContaining("broke off") });
    expect(failures).toEqual([]);
  });

  it("give back what they took, whatever came of them", async () => {
    const { request } = cluster();
    const bodies = [
      "{}",
      "nonsense",
      '{"records":[{"value":1}]}',
      `{"records":[{"value":"${"x".repeat(MAX_BODY_BYTES / 2)}"}]}`,
    ];
    for (let i = 0; i < 40; i++) expect((await request("/topics/t", post(bodies[i % 4]))).status).not.toBe(503);
  });
});

describe("a topic that is the cluster's own", () => {
  it.each(["__consumer_offsets", "__transaction_state", "__cluster_metadata"])("%s takes no records", async (topic) => {
    const { brokers, request } = cluster();
    brokers.addTopic(topic, 1);
    for (const path of [`/topics/${topic}`, `/topics/${topic}/partitions/0`]) {
      const response = await request(path, post('{"records":[{"value":1}]}'));
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error_code: 40002, message: expect.stringContaining(topic) });
    }
    expect(brokers.requests(0)).toHaveLength(0);
  });
});
