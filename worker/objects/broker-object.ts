import { DurableObject } from "cloudflare:workers";
import { Broker } from "#broker/broker.ts";
import { dispatch } from "#broker/dispatch.ts";
import { CLOSE_CONNECTION, NO_RESPONSE, type Peer } from "#broker/handler.ts";
import { handlers } from "#broker/registry.ts";
import { parseBrokers } from "#cluster/boot.ts";
import { createWasmKernels } from "#kernels/wasm.ts";
import { MAX_STAGED_BYTES, SPACE_LIMITS } from "#log/limits.ts";
import type { ClusterImage } from "#ports/controller.ts";
import kernelsModule from "../../build/kernels.wasm";
import { zlibCodecs } from "../codecs.ts";
import type { Env } from "../env.ts";
import { ActivityWatch } from "../listener/activity.ts";
import { BrokerTransport } from "../listener/broker-transport.ts";
import { ReceiveBudget } from "../listener/receive-budget.ts";
import { serveConnection } from "../listener/serve-connection.ts";
import { objectStoreOf } from "../storage/object-store.ts";
import { SqlLogStore } from "../storage/sql-log-store.ts";
import { CommitFailures } from "./commit-failures.ts";
import { controllerOf } from "./controller-stub.ts";
import { rpcAnswer } from "./rpc-answer.ts";
import { runtimeClock, runtimeRandom, runtimeTimers } from "./runtime-ports.ts";
import { startFailures } from "./start-failures.ts";

/** What the receive buffers of all connections may hold together: half of what an object has. */
const RECEIVE_BUDGET_BYTES = 64 * 1024 * 1024;

/** Connections of one object; each costs a buffer and two loops. */
const MAX_CONNECTIONS = 2_000;

/** Commits that failed in this process: it outlives an object that is reset, and the disk may still be full for the next one. */
const failures = new CommitFailures();

/** When the broker's object was last started in this process. */
let lastStartMs = Number.NEGATIVE_INFINITY;

/** The broker's own timers come first while it is awake. */
const ALARM_SLACK_MS = 60_000;

/** An RPC has no connection that could vanish under a parked request. */
const IN_PROCESS_PEER: Peer = { clientHost: "127.0.0.1", hasVanished: false, onVanish: () => () => undefined };

/** One broker: its clients' connections, the partitions that it leads, and their logs. */
export class BrokerObject extends DurableObject<Env> {
  readonly #budget = new ReceiveBudget(RECEIVE_BUDGET_BYTES);
  readonly #connections = new ActivityWatch();
  #broker!: Broker;
  #alarmMs = Number.POSITIVE_INFINITY;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    const brokerId = brokerIdOf(context.id);
    context.blockConcurrencyWhile(() => startFailures.watch(brokerId, () => this.#open(brokerId)));
  }

  async #open(brokerId: number): Promise<void> {
    const { ctx: context, env } = this;
    this.#broker = await Broker.open({
      brokerId,
      handlers,
      clock: runtimeClock,
      random: runtimeRandom,
      timers: runtimeTimers,
      controller: controllerOf(env),
      logStore: new SqlLogStore(context.storage),
      spaceLimits: { ...SPACE_LIMITS, refuseUntilMs: failures.refuseUntilMs },
      compression: { kernels: createWasmKernels(kernelsModule), codecs: zlibCodecs },
      objectStore: objectStoreOf(env),
      onObjectStoreFailed: (reason) => console.error("a segment could not be copied to the object store:", reason),
      onNextDue: (dueMs) => this.#wakeAt(context.storage, dueMs),
      onUnreadable: (sentence) => console.error(sentence),
      onUncleanable: (error) => console.error("a log can't be compacted", error),
      peers: new BrokerTransport(
        env,
        parseBrokers(env.KEDGE_BROKERS).map(({ id }) => id),
      ),
      // What is in memory and what is stored may differ now: only a new start from storage is safe.
      onFatal: (error) => {
        failures.note(Date.now());
        console.error(
          "the log can't be written (is the disk full?), and the broker begins anew from what is stored:",
          error,
        );
        context.abort(String(error));
      },
    });
    this.#alarmMs = (await context.storage.getAlarm()) ?? Number.POSITIVE_INFINITY;
    this.#wakeSoon(context.storage);
  }

  /** A Kafka client, piped here by the Worker that accepted it. */
  override async connect(socket: Socket): Promise<void> {
    if (this.#connections.size >= MAX_CONNECTIONS) return socket.close();
    const activity = this.#connections.watch();
    try {
      await serveConnection(socket, { broker: this.#broker, budget: this.#budget }, activity);
    } catch (error) {
      console.error("a connection was closed by a fault of ours", error);
    } finally {
      this.#connections.unwatch(activity);
      await socket.close().catch(() => undefined);
    }
  }

  /**
   * One request from within the process: a frame without its size, answered by one without its size.
   * Null where a socket would get no answer or be closed.
   */
  async exchange(frame: Uint8Array): Promise<Uint8Array | null> {
    // What HTTP appends counts like what sockets append.
    if (this.#broker.stagedBytes >= MAX_STAGED_BYTES) await this.#broker.committed();
    const outcome = await dispatch(this.#broker, IN_PROCESS_PEER, frame);
    if (outcome === CLOSE_CONNECTION || outcome === NO_RESPONSE) return null;
    return rpcAnswer(outcome);
  }

  /** The object may sleep while nobody wants anything of it: then its logs still expire, and transactions that nobody ends are aborted. */
  override async alarm(): Promise<void> {
    this.#alarmMs = Number.POSITIVE_INFINITY;
    await this.#broker.wakeUp();
    // Nothing is due any more: an alarm that this start has set for itself goes.
    if (this.#alarmMs === Number.POSITIVE_INFINITY) await this.ctx.storage.deleteAlarm();
  }

  /**
   * What a start finds in its logs it looks at in half a minute, if it isn't put to sleep before; then the alarm wakes it. An object that comes
   * back again and again has set it already, or can't write it because the disk is full.
   */
  #wakeSoon(storage: DurableObjectStorage): void {
    const nowMs = Date.now();
    if (nowMs - lastStartMs > ALARM_SLACK_MS) this.#wakeAt(storage, nowMs);
    lastStartMs = nowMs;
  }

  /** An alarm is a row that is written: one that comes earlier, or a little later, stays. What is due is said again after it. */
  #wakeAt(storage: DurableObjectStorage, dueMs: number): void {
    const alarmMs = Math.max(dueMs, Date.now()) + ALARM_SLACK_MS;
    if (!Number.isFinite(alarmMs) || alarmMs > this.#alarmMs - ALARM_SLACK_MS) return;
    this.#alarmMs = alarmMs;
    storage.setAlarm(alarmMs).catch(() => undefined);
  }

  /** The controller tells of a change. */
  async updateImage(image: ClusterImage): Promise<void> {
    this.#broker.adopt(image);
  }
}

/** Broker objects are named `broker-<id>`. */
function brokerIdOf(id: DurableObjectId): number {
  const match = /^broker-(\d+)$/.exec(id.name ?? "");
  if (match === null) throw new Error(`a broker object is named broker-<id>, not "${id.name}"`);
  return Number(match[1]);
}
