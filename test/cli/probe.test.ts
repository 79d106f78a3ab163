import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { askHealth, probePausesMs } from "#cli/probe.ts";

/** What the launcher makes of this answer to `GET /health`. Null: the server hangs up. */
async function healthAfter(answer: { status: number; body: string } | null) {
  const server = createServer((request, response) => {
    if (answer === null || request.url !== "/health") request.socket.destroy();
    else response.writeHead(answer.status, { "content-length": answer.body.length }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const health = await askHealth({ host: "127.0.0.1", port }, 10_000);
  server.close();
  return health;
}

describe("probing a start", () => {
  it("asks often at first and seldom when something is wrong", () => {
    const pausesMs = probePausesMs();
    const all = Array.from({ length: 207 }, () => pausesMs.next().value);
    expect(new Set(all.slice(0, 200))).toEqual(new Set([5]));
    expect(all.slice(200)).toEqual([10, 20, 40, 80, 160, 250, 250]);
  });

  it("tells a server that serves from one that has no broker, and from one that says why", async () => {
    expect(await healthAfter({ status: 200, body: "{}" })).toBe("serves");
    expect(await healthAfter({ status: 503, body: '{"status":"unavailable","reason":"no data"}' })).toEqual({
      failure: "no data",
    });
    for (const body of ['{"status":"unavailable"}', '{"reason":1}', "null", "", "{"]) {
      expect(await healthAfter({ status: 503, body }), body).toBe("unavailable");
    }
    expect(await healthAfter({ status: 404, body: '{"reason":"no such page"}' })).toBe("silent");
    expect(await healthAfter(null)).toBe("silent");
  });
});
