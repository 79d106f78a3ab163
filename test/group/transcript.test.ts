import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GroupServer } from "./group-server.ts";
import { type ApiName, type Side, Transcript } from "./transcript.ts";
import { play } from "./transcript-steps.ts";

const golden = new URL("../vectors/group/transcript.txt", import.meta.url);

describe("what Apache Kafka 4.4.0 answered to the same requests", () => {
  it("is what our coordinator and its handlers answer", async () => {
    const server = new GroupServer();
    const side: Side = {
      topicId: server.world.topicId("t") ?? "",
      send: (client, name: ApiName, version, body) =>
        server.request(name, { version, body, clientId: `client-${client}` }),
      settle: () => server.world.time.advance(0),
      sleep: (ms) => server.world.time.advance(ms),
    };
    const transcript = new Transcript(side);
    await play(transcript);
    expect(transcript.text()).toBe(readFileSync(golden, "utf8"));
  });
});
