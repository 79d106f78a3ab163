import type { MemberTimer } from "./group.ts";

/** What a timer of a group coordinator means when it fires. */
export type TimerMeaning =
  | { readonly kind: "heartbeat"; readonly groupId: string; readonly memberId: string }
  | { readonly kind: "join"; readonly groupId: string }
  | { readonly kind: "sync"; readonly groupId: string }
  | { readonly kind: "expire-offsets" }
  | MemberTimer;

/** The length of the group id stands in the key: without it, group `a b` with member `c` would meet group `a` with member `b c`. */
export function timerKey(meaning: TimerMeaning): string {
  if ("of" in meaning) {
    const { of, kind, groupId, memberId } = meaning;
    return `${of} ${kind} ${groupId.length} ${groupId} ${memberId}`;
  }
  switch (meaning.kind) {
    case "heartbeat":
      return `heartbeat ${meaning.groupId.length} ${meaning.groupId} ${meaning.memberId}`;
    case "join":
    case "sync":
      return `${meaning.kind} ${meaning.groupId}`;
    case "expire-offsets":
      return "expire-offsets";
  }
}
