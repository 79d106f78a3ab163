/** The scenarios of test/clients as one vitest suite over one broker. */
import { afterAll, beforeAll, describe, it } from "vitest";
import type { ClientUnderTest } from "../clients/node/client.ts";
import { runScenario, scenariosOf } from "../clients/node/scenarios.ts";
import { makeRecords } from "../clients/records.ts";
import { type TestBroker, testBroker } from "./broker.ts";

const SCENARIO_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 30_000;

export function describeClient(name: string, makeClient: (bootstrap: string) => ClientUnderTest): void {
  describe(name, () => {
    const records = makeRecords(Date.now());
    const prefix = `e2e-${name.replaceAll(/[^a-z]/g, "")}-${Date.now().toString(36)}`;
    let broker: TestBroker;
    let client: ClientUnderTest;

    beforeAll(async () => {
      broker = await testBroker();
      client = makeClient(broker.kafka);
    }, START_TIMEOUT_MS);

    afterAll(async () => {
      await client?.close();
      await broker?.stop();
    }, START_TIMEOUT_MS);

    // The names are asked of a client that never connects, because a broker isn't running while tests are collected.
    for (const scenario of scenariosOf(makeClient("127.0.0.1:1"))) {
      it(scenario, () => runScenario(scenario, { client, prefix, records }), SCENARIO_TIMEOUT_MS);
    }
  });
}
