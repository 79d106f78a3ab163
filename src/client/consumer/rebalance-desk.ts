import type { TopicPartition } from "../topic-partition.ts";
import type { Committer } from "./committer.ts";
import type { RebalanceHost, RebalanceListener } from "./membership.ts";
import type { ConsumerParts } from "./parts.ts";
import type { Subscription } from "./subscription.ts";

/** Where partitions come and go: the assignment changes, and the application's listener hears of it in the right order. */
export class RebalanceDesk implements RebalanceHost {
  private readonly parts: ConsumerParts;
  private readonly committer: Committer;
  private subscription: Subscription | null = null;
  private listener: RebalanceListener = {};

  constructor(parts: ConsumerParts, committer: Committer) {
    this.parts = parts;
    this.committer = committer;
  }

  /** From now on this is subscribed to, and this listener hears of it. */
  take(subscription: Subscription, listener: RebalanceListener): void {
    this.subscription = subscription;
    this.listener = listener;
  }

  owned(): readonly TopicPartition[] {
    return this.parts.assignment.partitions();
  }

  topics(): readonly string[] {
    return this.subscription?.topics() ?? [];
  }

  regex(): string | null {
    return this.subscription?.regex() ?? null;
  }

  async assign(added: readonly TopicPartition[]): Promise<void> {
    for (const { topic } of added) this.parts.book.track(topic);
    this.parts.assignment.add(added);
    await this.listener.onPartitionsAssigned?.(added);
  }

  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    this.markLeaving(partitions);
    try {
      await this.committer.beforeLeaving(partitions);
      await this.listener.onPartitionsRevoked?.(partitions);
    } finally {
      // They go also when the listener throws, or they would stay and never be read.
      this.parts.assignment.remove(partitions);
    }
  }

  async lose(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    this.markLeaving(partitions);
    const { listener } = this;
    try {
      if (listener.onPartitionsLost === undefined) await listener.onPartitionsRevoked?.(partitions);
      else await listener.onPartitionsLost(partitions);
    } finally {
      this.parts.assignment.remove(partitions);
    }
  }

  /** The end of its part in the group, which may have given the partitions to others already. */
  giveUp(hasLost: boolean): Promise<void> {
    return hasLost ? this.lose(this.owned()) : this.revoke(this.owned());
  }

  private markLeaving(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const state = this.parts.assignment.get(partition);
      if (state !== undefined) state.isLeaving = true;
    }
  }
}
