import type { GroupTopics } from "#ports/coordinator-log.ts";

/** Topics whose ids begin with their names; one that comes back has another id. */
export class NamedTopics implements GroupTopics {
  readonly sizes = new Map<string, number>();
  private readonly births = new Map<string, number>();
  version = 1;

  /** Topics only grow; none has no partitions. */
  set(name: string, partitions: number): void {
    this.version++;
    if (partitions === 0) this.sizes.delete(name);
    else {
      if (!this.sizes.has(name)) this.births.set(name, this.version);
      this.sizes.set(name, Math.max(partitions, this.partitionCountOf(name)));
    }
  }

  imageVersion(): number {
    return this.version;
  }

  topicName(topicId: string): string | undefined {
    return [...this.sizes.keys()].find((name) => this.topicId(name) === topicId);
  }

  topicId(name: string): string | undefined {
    return this.sizes.has(name) ? `${name}${this.births.get(name)}`.padEnd(21, "_").concat("A") : undefined;
  }

  partitionCountOf(name: string): number {
    return this.sizes.get(name) ?? 0;
  }

  topicNames(): Iterable<string> {
    return this.sizes.keys();
  }
}
