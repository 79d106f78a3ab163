import type { Process } from "../process.ts";
import type { ReaderSpec } from "../workload.ts";
import { type ClientWorld, SimClient, topicKey } from "./client.ts";
import { Fetcher } from "./fetcher.ts";

const LOOK_AGAIN_MS = 3_000;

/** A consumer without a group: reads every partition of its topics from the beginning, also those that come later. */
export class Reader extends SimClient {
  readonly spec: ReaderSpec;
  readonly #fetcher: Fetcher;
  readonly #known = new Set<string>();

  constructor(process: Process, world: ClientWorld, spec: ReaderSpec) {
    super(process, world);
    this.spec = spec;
    this.#fetcher = new Fetcher(this, spec.fetch, null);
  }

  async run(): Promise<void> {
    await this.process.sleep(this.spec.startMs);
    for (;;) {
      await this.refresh(this.spec.topics);
      this.#look();
      await this.process.sleep(LOOK_AGAIN_MS);
    }
  }

  #look(): void {
    for (const topic of this.topics.values()) {
      const { name, topicId } = topic;
      for (const position of this.#fetcher.positions) {
        if (position.name === name && position.topicId !== topicId) this.#fetcher.positions.delete(position);
      }
      for (let partition = 0; partition < topic.leaders.length; partition++) {
        const key = `${topicKey(topic)}/${partition}`;
        if (this.#known.has(key)) continue;
        this.#known.add(key);
        this.#fetcher.add([{ name, topicId, partition, offset: 0 }]);
      }
    }
  }
}
