/** The broker that an end-to-end test speaks to: a Kedge of its own, or the one that KEDGE_TEST_BOOTSTRAP names (an oracle). */

export interface TestBroker {
  /** host:port */
  readonly kafka: string;
  stop(): Promise<unknown>;
}

export async function testBroker(): Promise<TestBroker> {
  const bootstrap = process.env.KEDGE_TEST_BOOTSTRAP;
  if (bootstrap !== undefined && bootstrap !== "") return { kafka: bootstrap, stop: async () => {} };
  const { startKedge } = await import("./kedge.ts");
  return await startKedge();
}
