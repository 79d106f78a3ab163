import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { handleHttp } from "#worker/listener/http.ts";

/** The HTTP edge over the real broker object: what the unit tests show over a fake one, once through all layers. */

const JSON_TYPE = "application/vnd.kafka.json.v2+json";

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return handleHttp(new Request(`http://kedge.test${path}`, { headers }), env);
}

function post(topic: string, records: unknown[]): Promise<Response> {
  const init = { method: "POST", headers: { "content-type": JSON_TYPE }, body: JSON.stringify({ records }) };
  return handleHttp(new Request(`http://kedge.test/topics/${topic}`, init), env);
}

/** Reads until so many events with data have come. */
async function events(response: Response, count: number): Promise<{ text: string; stop: () => Promise<void> }> {
  if (response.body === null) throw new Error("the stream has no body");
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while ((text.match(/^data: /gm) ?? []).length < count) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  return { text, stop: () => reader.cancel() };
}

describe("HTTP in front of a broker object", () => {
  it("is well", async () => {
    const response = await get("/health");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: "ok", brokers: [1] });
  });

  it("appends records, shows the topic, and reads them back", async () => {
    const answer = await post("round-trip", [{ key: "k", value: { n: 1 } }, { value: null }]);
    expect(await answer.json()).toMatchObject({
      offsets: [
        { offset: 0, error: null },
        { offset: 1, error: null },
      ],
    });
    expect(await (await get("/topics")).json()).toContain("round-trip");
    expect(await (await get("/topics/round-trip")).json()).toMatchObject({
      name: "round-trip",
      configs: { "cleanup.policy": "delete" },
      partitions: [{ partition: 0, leader: 1, replicas: [{ broker: 1, leader: true, in_sync: true }] }],
    });
    const records = await get("/topics/round-trip/partitions/0/records?offset=0&count=10", { accept: JSON_TYPE });
    expect(await records.json()).toEqual([
      { topic: "round-trip", key: "k", value: { n: 1 }, partition: 0, offset: 0 },
      { topic: "round-trip", key: null, value: null, partition: 0, offset: 1 },
    ]);
  });

  it("refuses what the broker refuses", async () => {
    expect((await post("not%20legal", [{ value: 1 }])).status).toBe(400);
    expect((await get("/topics/absent")).status).toBe(404);
    await post("small", [{ value: 1 }]);
    const tooLarge = await post("small", [{ value: "x".repeat(1_100_000) }, { value: "small" }]);
    expect(await tooLarge.json()).toMatchObject({
      offsets: [
        { offset: null, error_code: 50002, error: expect.any(String) },
        { offset: 1, error: null },
      ],
    });
  });

  it("streams what is there and what comes, and resumes", async () => {
    await post("tailed", [{ value: "first" }]);
    const response = await get("/topics/tailed/stream?from=earliest");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const both = events(response, 2);
    await post("tailed", [{ value: "second" }]);
    const { text, stop } = await both;
    expect(text).toContain('"value":"first"');
    expect(text).toContain('id: 0:2\ndata: {"topic":"tailed","partition":0,"offset":1');
    await stop();
    const resumed = await events(await get("/topics/tailed/stream", { "last-event-id": "0:1" }), 1);
    expect(resumed.text).toContain('"value":"second"');
    expect(resumed.text).not.toContain('"value":"first"');
    await resumed.stop();
  });
});
