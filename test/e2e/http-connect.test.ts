import { connect } from "node:net";
import { expect, it } from "vitest";
import { startKedge } from "./kedge.ts";

/** An ApiVersions request of version 0 without a client id. */
const API_VERSIONS = Buffer.from("0000000a001200000000002affff", "hex");

it("gives nobody a way to Kafka through the HTTP port", async () => {
  const kedge = await startKedge();
  try {
    const socket = connect(kedge.httpPort, "127.0.0.1");
    const received: Buffer[] = [];
    socket.on("data", (chunk) => received.push(chunk));
    const ended = new Promise((resolve) => socket.on("close", resolve));
    socket.write(`CONNECT 127.0.0.1:${kedge.kafkaPort} HTTP/1.1\r\nHost: 127.0.0.1:${kedge.kafkaPort}\r\n\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    socket.write(API_VERSIONS);
    await ended;
    // The head of an HTTP answer may come; an answer of Kafka, which begins with its size and correlation id 42, may not.
    expect(Buffer.concat(received).includes(Buffer.from("0000002a", "hex"))).toBe(false);
    expect((await fetch(`${kedge.http}/health`)).status).toBe(200);
  } finally {
    await kedge.stop();
  }
});
