import type { Random } from "#ports/random.ts";
import type { TopicView } from "../metadata.ts";
import { partitionOfKey } from "../partitioner.ts";
import type { ProducerSettings } from "./settings.ts";

/** Where the next record without a key goes, for one topic. */
interface Sticky {
  partition: number;
  producedBytes: number;
}

/** Chooses the partitions of a producer's records by `partitioner.class` and `partitioner.ignore.keys`. */
export class Partitioning {
  private readonly settings: ProducerSettings;
  private readonly random: Random;
  private readonly sticky = new Map<string, Sticky>();
  private readonly turns = new Map<string, number>();

  constructor(settings: ProducerSettings, random: Random) {
    this.settings = settings;
    this.random = random;
  }

  choose(topic: TopicView, key: Uint8Array | null, value: Uint8Array | null): number {
    const own = this.settings["partitioner.class"];
    if (own === "RoundRobinPartitioner") return this.inTurn(topic);
    if (own !== null) return own.partition(topic, key, value);
    if (key !== null && !this.settings["partitioner.ignore.keys"]) return partitionOfKey(key, topic.partitions.length);
    const known = this.sticky.get(topic.name);
    if (known !== undefined && known.partition < topic.partitions.length) return known.partition;
    return this.draw(topic, -1).partition;
  }

  /**
   * A record without a key was put into a batch. After `batch.size` bytes the next ones go to another partition, at the end of a
   * batch if there is one before twice as many (KIP-794).
   */
  appended(topic: TopicView, partition: number, sizeInBytes: number, isFull: boolean): void {
    const sticky = this.sticky.get(topic.name);
    if (sticky === undefined || sticky.partition !== partition) return;
    sticky.producedBytes += sizeInBytes;
    const limitBytes = Math.max(this.settings["batch.size"], 1);
    if ((sticky.producedBytes >= limitBytes && isFull) || sticky.producedBytes >= 2 * limitBytes)
      this.draw(topic, partition);
  }

  /** Each partition has the same chance, but not the one before; those without a leader only when none has one. */
  private draw(topic: TopicView, before: number): Sticky {
    const led = topic.partitions.filter(({ leaderId }) => leaderId >= 0);
    const all = (led.length > 0 ? led : topic.partitions).map(({ partitionIndex }) => partitionIndex);
    const others = all.filter((partition) => partition !== before);
    const partition = others.length === 0 ? (all[0] ?? 0) : others[this.random.below(others.length)];
    const sticky = { partition, producedBytes: 0 };
    this.sticky.set(topic.name, sticky);
    return sticky;
  }

  private inTurn(topic: TopicView): number {
    const turn = this.turns.get(topic.name) ?? 0;
    this.turns.set(topic.name, turn + 1);
    const led = topic.partitions.filter(({ leaderId }) => leaderId >= 0);
    const from = led.length > 0 ? led : topic.partitions;
    return from[turn % from.length].partitionIndex;
  }
}
