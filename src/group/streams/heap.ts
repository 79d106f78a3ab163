/** A binary heap: what comes before all others is on top. What is in it mustn't change its place in the order. */
export class Heap<T> {
  private readonly items: T[];
  private readonly isBefore: (one: T, other: T) => boolean;

  constructor(items: Iterable<T>, isBefore: (one: T, other: T) => boolean) {
    this.isBefore = isBefore;
    // A sorted list is a heap.
    this.items = [...items].sort((one, other) => (isBefore(one, other) ? -1 : 1));
  }

  pop(): T | undefined {
    const { items, isBefore } = this;
    const top = items.at(0);
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < items.length && isBefore(items[child + 1], items[child])) child += 1;
      if (child >= items.length || !isBefore(items[child], last)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = last;
    return top;
  }

  push(item: T): void {
    const { items, isBefore } = this;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, items[parent])) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = item;
  }
}
