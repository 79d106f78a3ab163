import { MAX_MEMBER_BYTES, MAX_PENDING_MEMBERS } from "./limits.ts";

/**
 * What the members of all groups of a broker may hold of its memory together: what they offer, what they are assigned, their ids, and the
 * records in which that is stored. Groups count for themselves what they hold; verbs ask for room before they add to it. A load of a log
 * adds without asking: what was admitted once is never refused.
 */
export class MemberBudget {
  readonly maxBytes: number;
  readonly maxPendingMembers: number;
  heldBytes = 0;
  /** Member ids that were given out and haven't come back yet. */
  pendingMembers = 0;

  constructor(maxBytes = MAX_MEMBER_BYTES, maxPendingMembers = MAX_PENDING_MEMBERS) {
    this.maxBytes = maxBytes;
    this.maxPendingMembers = maxPendingMembers;
  }

  hasRoomFor(bytes: number): boolean {
    return this.heldBytes + bytes <= this.maxBytes;
  }

  get hasRoomForPendingMember(): boolean {
    return this.pendingMembers < this.maxPendingMembers;
  }
}
