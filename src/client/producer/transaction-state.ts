import { ErrorCode } from "#protocol/errors.ts";
import { isFatalForTransactions } from "../error-kinds.ts";
import { type Failure, failure, type Outcome, success } from "../outcome.ts";

export type TransactionPhase =
  | "uninitialized"
  | "initializing"
  /** No transaction is open. */
  | "ready"
  | "open"
  | "committing"
  | "aborting"
  /** Only an abort can follow. */
  | "broken"
  /** Nothing can follow. */
  | "fatal";

const LEGAL: Readonly<Record<"initialize" | "begin" | "write" | "commit" | "abort", readonly TransactionPhase[]>> = {
  initialize: ["uninitialized"],
  begin: ["ready"],
  write: ["open"],
  commit: ["open"],
  abort: ["open", "broken"],
};

/** Where a transactional producer stands. It decides what may happen next, and knows nothing of requests. */
export class TransactionState {
  phase: TransactionPhase = "uninitialized";
  /** Why the phase is "broken" or "fatal". */
  problem: Failure | null = null;
  /** Transactions V2 (KIP-890); decided when a transaction begins. */
  isV2 = false;
  /** The coordinator may know of this transaction, so that it must be ended there. */
  hasStarted = false;
  /** V1: the next transaction needs a greater epoch, because what belongs to this one may still arrive. */
  needsBump = false;
  /** `topic/partition` that the coordinator knows to be in the transaction (V1). */
  readonly added = new Set<string>();

  /** The phase's own error, or INVALID_TXN_STATE for what was asked for in the wrong moment. */
  check(wish: keyof typeof LEGAL): Outcome<void> {
    if (LEGAL[wish].includes(this.phase)) return success(undefined);
    if (this.problem !== null) return this.problem;
    return failure(ErrorCode.INVALID_TXN_STATE, `A producer that is ${this.phase} can't ${wish}.`);
  }

  begin(isV2: boolean): void {
    this.phase = "open";
    this.isV2 = isV2;
    this.hasStarted = false;
    this.added.clear();
  }

  /** Something went wrong. Of several errors the first one counts, but for a fatal one, which is final. */
  fail(reason: Failure): void {
    if (this.phase === "fatal") return;
    if (isFatalForTransactions(reason.errorCode)) {
      this.phase = "fatal";
      this.problem = reason;
      return;
    }
    if (this.phase === "open" || this.phase === "committing") {
      if (!this.isV2) this.needsBump = true;
      this.phase = "broken";
      this.problem = reason;
    }
  }

  /** The end of the transaction failed, and not for good. */
  failEnd(reason: Failure): void {
    this.fail(reason);
    if (this.phase !== "aborting") return;
    this.phase = "broken";
    this.problem = reason;
  }

  finish(): void {
    this.phase = "ready";
    this.problem = null;
    this.hasStarted = false;
    this.needsBump = false;
    this.added.clear();
  }
}
