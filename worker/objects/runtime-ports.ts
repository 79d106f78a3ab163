import { type Uuid, uuidFromBytes } from "#bytes/uuid.ts";
import type { Clock } from "#ports/clock.ts";
import type { Random } from "#ports/random.ts";
import type { Timers } from "#ports/timers.ts";

/** The runtime's own clock, randomness and timers behind the core's ports. */

const UUID_BYTES = 16;
const VERSION_BYTE = 6;
const VARIANT_BYTE = 8;
const TWO_TO_32 = 2 ** 32;

/** The runtime takes delays as int32; a longer one would fire at once. */
const MAX_DELAY_MS = 2_147_483_647;

export const runtimeClock: Clock = { nowMs: () => Date.now() };

export const runtimeRandom: Random = {
  uuid(): Uuid {
    for (;;) {
      const bytes = crypto.getRandomValues(new Uint8Array(UUID_BYTES));
      bytes[VERSION_BYTE] = (bytes[VERSION_BYTE] & 0x0f) | 0x40;
      bytes[VARIANT_BYTE] = (bytes[VARIANT_BYTE] & 0x3f) | 0x80;
      const uuid = uuidFromBytes(bytes);
      // A leading dash would make the id an option on a command line; Kafka avoids it, too.
      if (!uuid.startsWith("-")) return uuid;
    }
  },
  below(bound: number): number {
    const [word] = crypto.getRandomValues(new Uint32Array(1));
    return Math.floor((word / TWO_TO_32) * bound);
  },
};

export const runtimeTimers: Timers = {
  set(callback, delayMs) {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};
