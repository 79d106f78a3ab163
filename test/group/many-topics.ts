import type { Uuid } from "#bytes/uuid.ts";
import type { GroupTopics } from "#ports/coordinator-log.ts";

/** Thousands of topics, of whatever names. */
export class ManyTopics implements GroupTopics {
  private readonly sizes = new Map<string, number>();
  private readonly idOfName = new Map<string, Uuid>();
  private readonly nameOfId = new Map<Uuid, string>();
  private version = 1;

  set(name: string, partitions: number): void {
    this.version++;
    this.sizes.set(name, partitions);
    if (this.idOfName.has(name)) return;
    const topicId = `${this.idOfName.size}`.padStart(21, "t").concat("A");
    this.idOfName.set(name, topicId);
    this.nameOfId.set(topicId, name);
  }

  imageVersion(): number {
    return this.version;
  }

  topicName(topicId: Uuid): string | undefined {
    return this.nameOfId.get(topicId);
  }

  topicId(name: string): Uuid | undefined {
    return this.idOfName.get(name);
  }

  partitionCountOf(name: string): number {
    return this.sizes.get(name) ?? 0;
  }

  topicNames(): Iterable<string> {
    return this.sizes.keys();
  }
}
