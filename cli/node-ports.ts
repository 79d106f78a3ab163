/** Node's clock, timers and randomness behind the core's ports. */
import { randomBytes, randomInt } from "node:crypto";
import type { Clock } from "#ports/clock.ts";
import type { Random } from "#ports/random.ts";
import type { Timers } from "#ports/timers.ts";

const UUID_BYTES = 16;
const MAX_DELAY_MS = 2_147_483_647;
/** Node draws whole numbers below this. */
const MAX_RANDOM = 2 ** 48 - 1;

export const nodeClock: Clock = { nowMs: () => Date.now() };

export const nodeRandom: Random = {
  uuid() {
    for (;;) {
      const bytes = randomBytes(UUID_BYTES);
      bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
      const uuid = bytes.toString("base64url");
      if (!uuid.startsWith("-")) return uuid;
    }
  },
  below: (bound) => (bound <= 1 ? 0 : randomInt(Math.min(Math.ceil(bound), MAX_RANDOM))),
};

export const nodeTimers: Timers = {
  set(callback, delayMs) {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};
