import { afterAll, beforeAll, describe, it } from "vitest";
import { KAFKAJS_FEATURES } from "../clients/node/kafkajs-features.ts";
import { type TestBroker, testBroker } from "./broker.ts";

const TIMEOUT_MS = 60_000;

describe("kafkajs, beyond the scenarios of all clients", () => {
  let broker: TestBroker;

  beforeAll(async () => {
    broker = await testBroker();
  }, TIMEOUT_MS);

  afterAll(() => broker?.stop(), TIMEOUT_MS);

  for (const [name, work] of Object.entries(KAFKAJS_FEATURES)) {
    it(name, () => work({ bootstrap: broker.kafka, prefix: `e2e-${Date.now().toString(36)}` }), TIMEOUT_MS);
  }
});
