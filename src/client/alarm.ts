import type { TimerHandle } from "#ports/timers.ts";
import type { ClientPorts } from "./client.ts";

/** One timer for whatever is due next: of several times the earliest counts. */
export class Alarm {
  private readonly ports: Pick<ClientPorts, "clock" | "timers">;
  private readonly ring: () => void;
  private timer: TimerHandle | null = null;
  private atMs = Number.POSITIVE_INFINITY;

  constructor(ports: Pick<ClientPorts, "clock" | "timers">, ring: () => void) {
    this.ports = ports;
    this.ring = ring;
  }

  /** Rings at `atMs` on the clock, if not before. */
  set(atMs: number): void {
    if (atMs >= this.atMs) return;
    this.cancel();
    this.atMs = atMs;
    const delayMs = Math.max(atMs - this.ports.clock.nowMs(), 0);
    this.timer = this.ports.timers.set(() => {
      this.atMs = Number.POSITIVE_INFINITY;
      this.timer = null;
      this.ring();
    }, delayMs);
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = null;
    this.atMs = Number.POSITIVE_INFINITY;
  }
}
