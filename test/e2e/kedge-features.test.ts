import { afterAll, beforeAll, describe, it } from "vitest";
import { KEDGE_FEATURES } from "../clients/node/kedge-features.ts";
import { type TestBroker, testBroker } from "./broker.ts";

/** KIP-848 over TCP takes its heartbeats' time: it is asked for by `npm run test:clients`, and in process by test/client/consumer. */
const SCENARIOS = ["transactions", "transactions-v1", "assignors", "administration"];

describe("our own client at Kedge over TCP", () => {
  const prefix = `e2e-features-${Date.now().toString(36)}`;
  let broker: TestBroker;

  beforeAll(async () => {
    broker = await testBroker();
  });

  afterAll(async () => {
    await broker?.stop();
  });

  it.each(SCENARIOS)("%s", async (name) => {
    await KEDGE_FEATURES[name]({ bootstrap: broker.kafka, prefix });
  });
});
