import type { TopicView } from "../metadata.ts";

/** What to read: topics by name, all whose name matches a pattern here, or all that match one (RE2) at the broker, with `group.protocol=consumer`. */
export type SubscriptionWish =
  | { readonly topics: readonly string[] }
  | { readonly pattern: RegExp }
  | { readonly regex: string };

/** A subscription, and the topics that it means now. */
export class Subscription {
  readonly wish: SubscriptionWish;
  private readonly excludesInternal: boolean;
  private matching: readonly string[];

  constructor(wish: SubscriptionWish, excludesInternal: boolean) {
    this.wish = wish;
    this.excludesInternal = excludesInternal;
    this.matching = "topics" in wish ? [...new Set(wish.topics)] : [];
  }

  topics(): readonly string[] {
    return this.matching;
  }

  regex(): string | null {
    return "regex" in this.wish ? this.wish.regex : null;
  }

  /** Looks at the topics that there are. True when the subscription means others now. */
  look(all: Iterable<TopicView>): boolean {
    if (!("pattern" in this.wish)) return false;
    const { pattern } = this.wish;
    const found: string[] = [];
    for (const { name, isInternal } of all) {
      // A pattern with the flag g or y would remember where it was.
      pattern.lastIndex = 0;
      if (!(isInternal && this.excludesInternal) && pattern.exec(name)?.[0] === name) found.push(name);
    }
    found.sort();
    if (found.length === this.matching.length && found.every((name, index) => name === this.matching[index]))
      return false;
    this.matching = found;
    return true;
  }
}
