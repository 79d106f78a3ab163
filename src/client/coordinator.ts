import { ErrorCode } from "#protocol/errors.ts";
import { findCoordinatorApi } from "./apis.ts";
import type { Client } from "./client.ts";
import { failed, failure, type Outcome, success } from "./outcome.ts";

export const CoordinatorKey = { GROUP: 0, TRANSACTION: 1 } as const;
export type CoordinatorKey = (typeof CoordinatorKey)[keyof typeof CoordinatorKey];

export interface CoordinatorOptions {
  readonly keyType: CoordinatorKey;
  /** The group or the transactional id. */
  readonly key: string;
  readonly lane: string;
  readonly requestTimeoutMs: number;
}

/** Errors that say that another broker is the coordinator now, or that this one can't be asked. */
const LOST: ReadonlySet<number> = new Set([
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.REQUEST_TIMED_OUT,
]);

/** The broker that coordinates a group or a transactional id, as long as it is known. */
export class Coordinator {
  private readonly client: Client;
  private readonly options: CoordinatorOptions;
  private brokerId: number | null = null;
  private finding: Promise<Outcome<number>> | null = null;

  constructor(client: Client, options: CoordinatorOptions) {
    this.client = client;
    this.options = options;
  }

  /** One attempt to find it, which all share that ask meanwhile. */
  find(): Promise<Outcome<number>> {
    if (this.brokerId !== null) return Promise.resolve(success(this.brokerId));
    this.finding ??= this.ask().finally(() => {
      this.finding = null;
    });
    return this.finding;
  }

  /** Notes what an answer of the coordinator says about itself. */
  note(errorCode: number): void {
    if (LOST.has(errorCode)) this.brokerId = null;
  }

  private async ask(): Promise<Outcome<number>> {
    const { key, keyType, lane, requestTimeoutMs: timeoutMs } = this.options;
    const answer = await this.client.call(
      null,
      findCoordinatorApi,
      { keyType, coordinatorKeys: [key] },
      { lane, timeoutMs },
    );
    if (failed(answer)) return answer;
    const found = answer.value.coordinators.find((coordinator) => coordinator.key === key);
    if (found === undefined) return failure(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (found.errorCode !== ErrorCode.NONE) return failure(found.errorCode, found.errorMessage);
    this.client.ports.transport.learn?.([{ id: found.nodeId, host: found.host, port: found.port }]);
    this.brokerId = found.nodeId;
    return success(found.nodeId);
  }
}
