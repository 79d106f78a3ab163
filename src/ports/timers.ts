/** Timers of the shell. A callback runs at most once, never inside `set`. */
export interface Timers {
  set(callback: () => void, delayMs: number): TimerHandle;
}

export interface TimerHandle {
  cancel(): void;
}
