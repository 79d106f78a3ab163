import { afterAll, beforeAll, describe, it } from "vitest";
import { type TestBroker, testBroker } from "./broker.ts";
import { KCAT_CODECS, kcatRoundTrip, missingForKcat } from "./kcat.ts";

const missing = missingForKcat();

describe.skipIf(missing !== null)(missing === null ? "kcat" : `kcat: ${missing}`, () => {
  let broker: TestBroker;

  beforeAll(async () => {
    broker = await testBroker();
  }, 30_000);

  afterAll(() => broker?.stop());

  it.each(KCAT_CODECS)(
    "writes and reads back with %s: keys, values, headers, timestamps",
    async (codec) => {
      await kcatRoundTrip(broker.kafka, `e2e-kcat-${codec}-${Date.now().toString(36)}`, codec);
    },
    60_000,
  );
});
