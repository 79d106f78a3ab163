import { expect, it, vi } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { InitProducerIdRequest, InitProducerIdResponse } from "#protocol/messages/22-init-producer-id.ts";
import { CoreCluster } from "../doubles/core-cluster.ts";

const unreachable = () => Promise.reject(new Error("the controller can't be reached"));

it("a producer that needs an id while the controller is out of reach is told to come again", async () => {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  const init = () => client.call(InitProducerIdRequest, InitProducerIdResponse, 5, { transactionalId: null });
  const away = vi.spyOn(cluster.broker(1).controller, "allocateProducerIds").mockImplementation(unreachable);
  expect(await init()).toMatchObject({ errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, producerId: -1 });
  away.mockRestore();
  expect(await init()).toMatchObject({ errorCode: 0, producerId: expect.any(Number), producerEpoch: 0 });
});

it.each([
  [0, "group"],
  [1, "transactional id"],
])("whoever looks for a coordinator meanwhile, too (key type %i, %s)", async (keyType) => {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  const find = async () => {
    const draft = { keyType, coordinatorKeys: ["one"] };
    return (await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 4, draft)).coordinators[0].errorCode;
  };
  const away = vi.spyOn(cluster.broker(1).controller, "createTopics").mockImplementation(unreachable);
  expect(await find()).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  away.mockRestore();
  expect(await find()).toBe(0);
});
