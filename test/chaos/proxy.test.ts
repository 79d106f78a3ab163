import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { seeded } from "../clients/records.ts";
import { ChaosProxy } from "./proxy.ts";

const HOST = "127.0.0.1";
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

/** Also after an error, which `once` would throw. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** A server that sends back what it gets, and says what it got; a proxy before it; a client of the proxy. */
async function stage() {
  const got: string[] = [];
  const peers: Socket[] = [];
  const server: Server = createServer((socket) => {
    peers.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      got.push(chunk.toString());
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen({ host: HOST, port: 0 }, resolve));
  const { port } = server.address() as AddressInfo;
  const proxy = await ChaosProxy.listen({ host: HOST, port: 0 }, { host: HOST, port }, seeded(1));
  open.push(
    {
      close() {
        for (const peer of peers) peer.destroy();
        server.close();
      },
    },
    proxy,
  );
  const client = connect({ host: HOST, port: proxy.port });
  client.on("error", () => {});
  let answered = "";
  client.on("data", (chunk: Buffer) => {
    answered += chunk.toString();
  });
  const closed = closing(client);
  await exchanged("hello");
  return { proxy, client, got, peers, closed, exchanged, answered: () => answered };

  async function exchanged(text: string): Promise<void> {
    const before = answered.length;
    client.write(text);
    while (answered.length < before + text.length) await once(client, "data");
  }
}

describe("ChaosProxy", () => {
  it("passes everything both ways while nothing is wrong, and ends with the client", async () => {
    const { client, got, peers, exchanged, answered } = await stage();
    await exchanged("x".repeat(300_000));
    expect(got.join("")).toBe(answered());
    client.end();
    await closing(peers[0] as Socket);
  });

  it("passes the same bytes, in order, when it is slow and piecemeal", async () => {
    const { proxy, got, exchanged } = await stage();
    const slow = proxy.inflict({ kind: "delay", lastsMs: 60, upToMs: 20 });
    const piecemeal = proxy.inflict({ kind: "trickle", lastsMs: 60, pieceBytes: 3, everyMs: 1 });
    const text = Array.from({ length: 200 }, (_, index) => `${index},`).join("");
    await exchanged(text);
    await Promise.all([slow, piecemeal]);
    expect(got.join("")).toBe(`hello${text}`);
  });

  it("cuts, at once or behind a byte", async () => {
    const first = await stage();
    await first.proxy.inflict({ kind: "cut", share: 1 });
    await first.closed;
    const second = await stage();
    await second.proxy.inflict({ kind: "cut-inside", share: 1, way: "requests", afterBytes: 4 });
    second.client.write("abcdefgh");
    await second.closed;
    expect(second.got.join("")).toBe("helloabcd");
    expect(second.proxy.counts.cut).toBe(1);
  });

  it("holds back one way and delivers late", async () => {
    const { proxy, client, got, answered } = await stage();
    const muted = proxy.inflict({ kind: "mute", share: 1, way: "answers", lastsMs: 80, thenCut: false });
    client.write("late");
    while (!got.includes("late")) await new Promise((resolve) => setTimeout(resolve, 1));
    const atArrival = answered();
    await muted;
    while (answered() !== "hellolate") await once(client, "data");
    expect(atArrival).toBe("hello");
  });

  it("leaves one side alone with a connection whose other side is gone", async () => {
    const { proxy, client, got, peers, closed } = await stage();
    const brokerHeard = closing(peers[0] as Socket);
    const over = proxy.inflict({ kind: "half-open", share: 1, gone: "broker", lastsMs: 60 });
    await brokerHeard;
    expect(client.destroyed).toBe(false);
    client.write("into the void");
    await over;
    await closed;
    expect(got.join("")).toBe("hello");
  });

  it("refuses new connections for a while", async () => {
    const { proxy, exchanged } = await stage();
    const over = proxy.inflict({ kind: "refuse", lastsMs: 50 });
    const refused = connect({ host: HOST, port: proxy.port });
    refused.on("error", () => {});
    await closing(refused);
    await exchanged("the old one still works");
    await over;
  });
});
