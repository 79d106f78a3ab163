import type { Decision as CoordinatorDecision } from "#coordinator/machine.ts";
import type { GroupCoordinator } from "#group/coordinator.ts";
import type { Turn } from "#group/turn.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";

/** A coordinator with what is around it: its log, which never fails, its timers, and a clock that moves when it is told to. */
export class PlayedCoordinator {
  readonly log: CoordinatorRecord[] = [];
  readonly machine: GroupCoordinator;
  nowMs = 1_000_000;
  private readonly timers = new Map<string, number>();

  constructor(machine: GroupCoordinator) {
    this.machine = machine;
  }

  decide<R>(verb: (turn: Turn) => R): R {
    return this.take(this.machine.decide(this.nowMs, verb));
  }

  take<R>({ records, timers, response }: CoordinatorDecision<R>): R {
    this.log.push(...records);
    for (const timer of timers) {
      if (timer.kind === "set") this.timers.set(timer.key, timer.deadlineMs);
      else this.timers.delete(timer.key);
    }
    return response;
  }

  wait(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [due] = [...this.timers].filter(([, at]) => at <= untilMs).sort(([, one], [, other]) => one - other);
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.nowMs = Math.max(this.nowMs, due[1]);
      this.take(this.machine.onTimer(due[0], this.nowMs));
    }
    this.nowMs = untilMs;
  }
}
