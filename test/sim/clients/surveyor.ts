import type { Process } from "../process.ts";
import type { SurveyorSpec } from "../workload.ts";
import { type ClientWorld, SimClient } from "./client.ts";
import { LostError } from "./connection.ts";
import { listOffset } from "./fetcher.ts";

const PLACES = ["earliest", "earliest-local", "latest-tiered", "earliest-pending", "max-timestamp", "latest"] as const;

/** Asks where logs begin and end, in all the ways that ListOffsets knows, as a dashboard of storage does. */
export class Surveyor extends SimClient {
  readonly spec: SurveyorSpec;

  constructor(process: Process, world: ClientWorld, spec: SurveyorSpec) {
    super(process, world);
    this.spec = spec;
  }

  /** For ever. */
  async run(): Promise<void> {
    const { topics, gapMs } = this.spec;
    for (let failures = 0; ; ) {
      await this.process.sleep(this.process.random.fraction() * gapMs * 2);
      if (failures > 0 || !topics.every((name) => this.topics.has(name))) await this.refresh(topics);
      failures = (await this.#survey()) ? 0 : failures + 1;
      if (failures > 0) await this.backOff(failures);
    }
  }

  async #survey(): Promise<boolean> {
    const { random } = this.process;
    const topic = this.topics.get(random.pick(this.spec.topics));
    if (topic === undefined) return false;
    const at = { name: topic.name, topicId: topic.topicId, partition: random.below(topic.leaders.length), offset: 0 };
    try {
      for (const which of PLACES) if ((await listOffset(this, at, which)) === null) return false;
      return true;
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      return false;
    }
  }
}
