import type {
  ClusterImage,
  Controller,
  ControllerAnswer,
  ControllerCall,
  ControllerRpc,
  WriteOptions,
} from "#ports/controller.ts";

/** The broker's end: which image it has, and how it takes a new one. */
export interface ImageHolder {
  readonly brokerId: number;
  image(): ClusterImage | null;
  /** Takes an image that is newer than the one it has. */
  adopt(image: ClusterImage): void;
}

/** The controller as a broker uses it, over the calls to the object that is one: every answer brings the image up to date. */
export function remoteController(rpc: ControllerRpc, holder: ImageHolder): Controller {
  const adopt = (image: ClusterImage | null) => {
    if (image !== null && image.version > versionOf(holder)) holder.adopt(image);
  };
  const exchange = async <Item, Out>(
    items: readonly Item[],
    options: WriteOptions | undefined,
    send: (call: ControllerCall<Item>) => Promise<ControllerAnswer<Out>>,
  ): Promise<readonly Out[]> => {
    if (items.length === 0) return [];
    const answer = await send({
      brokerId: holder.brokerId,
      imageVersion: versionOf(holder),
      validateOnly: options?.validateOnly ?? false,
      items,
    });
    adopt(answer.image);
    return answer.outcomes;
  };
  return {
    async refresh() {
      adopt(await rpc.image(versionOf(holder)));
      const image = holder.image();
      if (image === null) throw new Error("the controller gave no image");
      return image;
    },
    createTopics: (topics, options) => exchange(topics, options, (call) => rpc.createTopics(call)),
    deleteTopics: (topics) => exchange(topics, undefined, (call) => rpc.deleteTopics(call)),
    createPartitions: (topics, options) => exchange(topics, options, (call) => rpc.createPartitions(call)),
    alterConfigs: (resources, options) => exchange(resources, options, (call) => rpc.alterConfigs(call)),
    replaceConfigs: (resources, options) => exchange(resources, options, (call) => rpc.replaceConfigs(call)),
    allocateProducerIds: () => rpc.allocateProducerIds(holder.brokerId),
  };
}

function versionOf(holder: ImageHolder): number {
  return holder.image()?.version ?? -1;
}
