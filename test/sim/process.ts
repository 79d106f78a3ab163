import type { Prng } from "./prng.ts";
import type { Scheduled, Scheduler } from "./scheduler.ts";

/**
 * A client's process. What reaches it (answers, timers, ends of connections) goes through `deliver`: nothing does after it died, and
 * while it hangs everything waits.
 */
export class Process {
  readonly name: string;
  readonly random: Prng;
  readonly scheduler: Scheduler;
  #isAlive = true;
  #isHanging = false;
  #backlog: (() => void)[] = [];
  readonly #onDeath: (() => void)[] = [];
  readonly #onBug: (error: unknown) => void;

  constructor(name: string, ports: { scheduler: Scheduler; random: Prng; onBug: (error: unknown) => void }) {
    this.name = name;
    this.scheduler = ports.scheduler;
    this.random = ports.random;
    this.#onBug = ports.onBug;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  deliver(action: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isHanging) this.#backlog.push(action);
    else action();
  }

  timer(delayMs: number, action: () => void): Scheduled {
    return this.scheduler.at(delayMs, "", () => this.deliver(action));
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.timer(delayMs, resolve);
    });
  }

  /** Runs a task of the process beside the others. */
  spawn(task: () => Promise<void>): void {
    task().catch((error) => this.#onBug(error));
  }

  hang(forMs: number): void {
    if (!this.#isAlive || this.#isHanging) return;
    this.scheduler.trace(`${this.name} hangs for ${forMs}`);
    this.#isHanging = true;
    this.scheduler.at(forMs, `${this.name} goes on`, () => {
      this.#isHanging = false;
      for (const action of this.#backlog.splice(0)) this.deliver(action);
    });
  }

  onDeath(action: () => void): void {
    this.#onDeath.push(action);
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.scheduler.trace(`${this.name} dies`);
    for (const action of this.#onDeath) action();
    this.#isAlive = false;
    this.#backlog = [];
  }
}
