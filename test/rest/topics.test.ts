import { describe, expect, it } from "vitest";
import { batchOf, restCluster } from "../doubles/rest-cluster.ts";

describe("topics and partitions", () => {
  it("lists topics", async () => {
    const { brokers, request } = restCluster();
    brokers.addTopic("b", 1);
    brokers.addTopic("a", 1);
    const response = await request("/topics");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/vnd.kafka.v2+json");
    expect(await response.json()).toEqual(["a", "b"]);
  });

  it("shows a topic with its configs and partitions", async () => {
    const { brokers, request } = restCluster({ brokerIds: [1, 2] });
    brokers.addTopic("t", 2);
    const response = await request("/topics/t", { headers: { accept: "application/json" } });
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      name: "t",
      configs: { "cleanup.policy": "delete" },
      partitions: [
        { partition: 0, leader: 1, replicas: [{ broker: 1, leader: true, in_sync: true }] },
        { partition: 1, leader: 2, replicas: [{ broker: 2, leader: true, in_sync: true }] },
      ],
    });
  });

  it("shows partitions and their offsets", async () => {
    const { brokers, request } = restCluster();
    brokers.addTopic("t", 2);
    brokers.append("t", 1, batchOf("a", "b", "c"));
    brokers.partition("t", 1).logStartOffset = 1;
    expect(await (await request("/topics/t/partitions")).json()).toMatchObject([{ partition: 0 }, { partition: 1 }]);
    expect(await (await request("/topics/t/partitions/1")).json()).toMatchObject({ partition: 1, leader: 1 });
    expect(await (await request("/topics/t/partitions/1/offsets")).json()).toEqual({
      beginning_offset: 1,
      end_offset: 3,
    });
  });

  it("shows the brokers, an empty root, and that it is well", async () => {
    const { request } = restCluster({ brokerIds: [1, 2] });
    expect(await (await request("/brokers")).json()).toEqual({ brokers: [1, 2] });
    expect(await (await request("/")).json()).toEqual({});
    expect(await (await request("/", { method: "POST" })).json()).toEqual({});
    expect(await (await request("/health")).json()).toEqual({ status: "ok", cluster_id: "cluster", brokers: [1, 2] });
  });

  it("isn't well without a broker", async () => {
    const { brokers, request } = restCluster();
    brokers.intercept = () => {
      throw new Error("gone");
    };
    const response = await request("/health");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ status: "unavailable", error_code: 50302 });
    expect((await request("/topics")).status).toBe(503);
  });
});

describe("what isn't there", () => {
  const unknownTopic = { error_code: 40403, message: "This server does not host this topic-partition." };
  const unknownPartition = { error_code: 40402, message: "Partition not found." };

  it.each([
    ["/topics/absent", unknownTopic],
    ["/topics/not%20legal", unknownTopic],
    ["/topics/absent/partitions", unknownTopic],
    ["/topics/absent/partitions/0", unknownTopic],
    ["/topics/t/partitions/7", unknownPartition],
    ["/topics/t/partitions/-1", unknownPartition],
    ["/topics/t/partitions/zero/offsets", unknownPartition],
    ["/nowhere", { error_code: 404, message: "HTTP 404 Not Found" }],
    ["/topics/t/partitions/0/nowhere", { error_code: 404, message: "HTTP 404 Not Found" }],
  ])("answers %s in the proxy's form", async (path, body) => {
    const { brokers, request } = restCluster();
    brokers.addTopic("t", 1);
    const response = await request(path);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual(body);
  });

  it.each([
    ["GET", "", 404, 40403],
    ["GET", "/partitions/0/offsets", 404, 40403],
    ["GET", "/partitions/0/records", 404, 40401],
    ["GET", "/stream", 404, 40401],
    ["POST", "", 400, 40002],
    ["POST", "/partitions/0", 400, 40002],
  ])("knows no topic whose name is too long for any request: %s %s", async (method, path, status, errorCode) => {
    const { brokers, request, failures } = restCluster({ autoCreate: 1 });
    const headers = { "content-type": "application/vnd.kafka.json.v2+json" };
    const init = method === "GET" ? {} : { method, headers, body: '{"records":[{"value":1}]}' };
    for (const name of ["t".repeat(250), "t".repeat(40_000)]) {
      const response = await request(`/topics/${name}${path}`, init);
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ error_code: errorCode });
    }
    expect(failures).toEqual([]);
    expect(brokers.requests(3)).toEqual([]);
  });

  it.each([
    ["DELETE", "/topics", "GET, HEAD"],
    ["PUT", "/topics/t", "GET, POST, HEAD"],
    ["POST", "/topics/t/stream", "GET, HEAD"],
    ["POST", "/health", "GET, HEAD"],
  ])("refuses %s %s", async (method, path, allow) => {
    const { request } = restCluster();
    const response = await request(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await response.json()).toEqual({ error_code: 405, message: "HTTP 405 Method Not Allowed" });
  });

  it("refuses to answer in a type that it doesn't have", async () => {
    const { request } = restCluster();
    const response = await request("/topics", { headers: { accept: "text/plain" } });
    expect(response.status).toBe(406);
    expect(await response.json()).toEqual({ error_code: 406, message: "HTTP 406 Not Acceptable" });
  });

  it("answers a bug with a bare 500 and tells the shell", async () => {
    const { brokers, request, failures } = restCluster();
    brokers.exchange = () => {
      throw new Error("a secret");
    };
    const response = await request("/topics");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(failures).toHaveLength(1);
  });
});
