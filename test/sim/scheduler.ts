import type { Trace } from "./trace.ts";

const US_PER_MS = 1000;

interface Event {
  readonly atUs: number;
  readonly sequence: number;
  readonly label: string;
  action: (() => void) | null;
}

export interface Scheduled {
  cancel(): void;
}

/**
 * Simulated time: a queue of events. One event runs at a time, and the next one begins only when every promise that the last one
 * settled has run all its reactions. So all order comes from here, although the core uses real promises.
 */
export class Scheduler {
  readonly #trace: Trace;
  readonly #heap: Event[] = [];
  #nowUs = 0;
  #sequence = 0;
  #stopped = false;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Milliseconds since the simulation began, with fractions. */
  get nowMs(): number {
    return this.#nowUs / US_PER_MS;
  }

  at(delayMs: number, label: string, action: () => void): Scheduled {
    const atUs = this.#nowUs + Math.max(0, Math.round(delayMs * US_PER_MS));
    const event: Event = { atUs, sequence: this.#sequence++, label, action };
    this.#push(event);
    return {
      cancel: () => {
        event.action = null;
      },
    };
  }

  trace(line: string): void {
    this.#trace.add(this.#nowUs, line);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Runs until that time, or until `isDone` after an event, or until nothing is left. */
  run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    const untilUs = untilMs * US_PER_MS;
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          if (this.#stopped || isDone() || !this.#runNext(untilUs)) return resolve();
        } catch (error) {
          return reject(error);
        }
        whenDrained();
      };
      // Node runs what a microtask gave to `nextTick` only when the queue of microtasks is empty. Nothing of the machine (no timer, no
      // I/O) comes in between.
      const nextTick = () => process.nextTick(step);
      const whenDrained = () => queueMicrotask(nextTick);
      whenDrained();
    });
  }

  /** False when nothing is left to do before that time. */
  #runNext(untilUs: number): boolean {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atUs > untilUs) {
        this.#nowUs = Math.max(this.#nowUs, untilUs);
        return false;
      }
      this.#pop();
      const { action } = event;
      if (action === null) continue;
      this.#nowUs = event.atUs;
      if (event.label !== "") this.trace(event.label);
      action();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (isBefore(heap[parent], event)) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (isBefore(last, heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atUs < other.atUs || (one.atUs === other.atUs && one.sequence < other.sequence);
}
