import { MAX_OFFSET_BYTES } from "./limits.ts";

/**
 * What the offsets that all groups of a broker have committed may hold of its memory together. The offsets of a coordinator count for
 * themselves what they hold; a commit asks for room before it adds to it. A load of a log adds without asking: what was admitted once is
 * never refused.
 */
export class OffsetBudget {
  readonly maxBytes: number;
  heldBytes = 0;

  constructor(maxBytes = MAX_OFFSET_BYTES) {
    this.maxBytes = maxBytes;
  }

  hasRoomFor(bytes: number): boolean {
    return this.heldBytes + bytes <= this.maxBytes;
  }
}
