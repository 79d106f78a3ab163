import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { TcpTransport } from "#cli/tcp-transport.ts";

const servers: Server[] = [];
const transports: TcpTransport[] = [];

afterEach(() => {
  for (const transport of transports.splice(0)) transport.close();
  for (const server of servers.splice(0)) server.close();
});

interface Listening {
  readonly port: number;
  readonly sockets: Socket[];
}

/** A server that gives each frame to `answer`, with the connection that it came by. */
async function listen(answer: (frame: Buffer, socket: Socket) => void): Promise<Listening> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    let received = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const size = received.readInt32BE(0);
        answer(received.subarray(4, 4 + size), socket);
        received = received.subarray(4 + size);
      }
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, sockets };
}

function framed(frame: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(frame.length);
  return Buffer.concat([size, frame]);
}

function transportTo(...ports: readonly number[]): TcpTransport {
  const transport = new TcpTransport(ports.map((port) => `127.0.0.1:${port}`).join(","));
  transports.push(transport);
  return transport;
}

const echo = (frame: Buffer, socket: Socket) => {
  socket.write(framed(frame));
};

describe("TcpTransport", () => {
  it("gives each answer to its request, in pieces as they come", async () => {
    const { port } = await listen((frame, socket) => {
      for (const byte of framed(frame)) socket.write(Uint8Array.of(byte));
    });
    const transport = transportTo(port);
    const answers = await Promise.all([1, 2, 3].map((byte) => transport.exchange(null, Uint8Array.of(byte, byte))));
    expect(answers.map((answer) => [...answer])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it("opens a connection for each broker and lane, and closes those of a lane", async () => {
    const { port, sockets } = await listen(echo);
    const transport = transportTo(port);
    transport.learn([{ id: 7, host: "127.0.0.1", port }]);
    for (const lane of ["a", "b", "a"]) await transport.exchange(7, Uint8Array.of(1), lane);
    expect(sockets).toHaveLength(2);
    const closed = new Promise((resolve) => sockets[1].once("close", resolve));
    transport.release("b");
    await closed;
    expect(sockets[0].destroyed).toBe(false);
  });

  it("fails what is under way when the connection ends, and makes another one for the next request", async () => {
    let isFirst = true;
    const { port, sockets } = await listen((frame, socket) => {
      if (isFirst) socket.destroy();
      else echo(frame, socket);
      isFirst = false;
    });
    const transport = transportTo(port);
    await expect(transport.exchange(null, Uint8Array.of(1))).rejects.toThrow();
    expect([...(await transport.exchange(null, Uint8Array.of(2)))]).toEqual([2]);
    expect(sockets).toHaveLength(2);
  });

  it("gives a connection up whose answer didn't come in time", async () => {
    const { port } = await listen(() => undefined);
    const transport = transportTo(port);
    const silent = transport.exchange(null, Uint8Array.of(1), "a");
    transport.abandon(null, "a");
    await expect(silent).rejects.toThrow();
  });

  it("goes on to another address where one can't be reached", async () => {
    const gone = await listen(echo);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const { port } = await listen(echo);
    const transport = transportTo(gone.port, port);
    await expect(transport.exchange(null, Uint8Array.of(1))).rejects.toThrow();
    expect([...(await transport.exchange(null, Uint8Array.of(2)))]).toEqual([2]);
  });

  it("follows a broker to another address, and knows none of a broker that nobody named", async () => {
    const [old, fresh] = [await listen(echo), await listen((_, socket) => void socket.write(framed(Uint8Array.of(9))))];
    const transport = transportTo(old.port);
    transport.learn([{ id: 1, host: "127.0.0.1", port: old.port }]);
    await transport.exchange(1, Uint8Array.of(1));
    transport.learn([{ id: 1, host: "127.0.0.1", port: fresh.port }]);
    expect([...(await transport.exchange(1, Uint8Array.of(1)))]).toEqual([9]);
    await expect(transport.exchange(2, Uint8Array.of(1))).rejects.toThrow("broker 2");
  });

  it("posts what has no answer", async () => {
    const posted = new Promise<Buffer>((resolve) => {
      void listen((frame) => resolve(frame)).then(({ port }) => transportTo(port).post(null, Uint8Array.of(5)));
    });
    expect([...(await posted)]).toEqual([5]);
  });
});
