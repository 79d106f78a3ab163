/** The two brokers that chaos is made for, behind a proxy at the address that they advertise. */
import { type ApacheKafka, startApacheKafka } from "#bench/peer/apache-kafka.ts";
import { type Kedge, startKedge } from "../e2e/kedge.ts";
import type { Address } from "./proxy.ts";
import type { ProcessFault } from "./schedule.ts";

/** Clients are told the one, the broker listens on the other; the port is the same. */
export const PROXY_HOST = "127.0.0.1";
const BROKER_HOST = "127.0.0.2";

export interface RunningBroker {
  /** The process that serves, for SIGSTOP. */
  readonly pid: number;
  readonly stop: () => Promise<unknown>;
  readonly kill: () => Promise<unknown>;
}

export type StartBroker = () => Promise<RunningBroker>;

export function brokerAddress(port: number): Address {
  return { host: BROKER_HOST, port };
}

export function kedgeStarter(port: number, dataDir: string): StartBroker {
  const flags = ["--host", BROKER_HOST, "--advertised-host", PROXY_HOST];
  return async () => {
    const kedge: Kedge = await startKedge({ dataDir, kafkaPort: port, flags });
    return { pid: kedge.workerdPid, stop: kedge.stop, kill: kedge.kill9 };
  };
}

const KAFKA_SESSION_TIMEOUT_MS = 3_000;
/** A broker that was killed is let in again only when its old session is over: after 9 s by default, with nothing to do meanwhile. */
const KAFKA_SETTINGS = [`broker.session.timeout.ms=${KAFKA_SESSION_TIMEOUT_MS}`, "broker.heartbeat.interval.ms=500"];

export function apacheKafkaStarter(port: number, dataDir: string): StartBroker {
  return async () => {
    const host = BROKER_HOST;
    const options = { port, dataDir, host, advertisedHost: PROXY_HOST, heap: "512m", settings: KAFKA_SETTINGS };
    const kafka: ApacheKafka = await startApacheKafka(options);
    await pause(KAFKA_SESSION_TIMEOUT_MS);
    return { pid: kafka.pid, stop: kafka.stop, kill: kafka.kill9 };
  };
}

/** A broker that may be down at the moment. */
export class ChaosBroker {
  /** From the end of the process to the next one's being ready. */
  readonly startsMs: number[] = [];
  private readonly start: StartBroker;
  private running: RunningBroker;

  private constructor(start: StartBroker, running: RunningBroker) {
    this.start = start;
    this.running = running;
  }

  static async run(start: StartBroker): Promise<ChaosBroker> {
    return new ChaosBroker(start, await start());
  }

  /** Resolves when the broker serves again. */
  async inflict(fault: ProcessFault): Promise<void> {
    if (fault.kind === "pause") {
      const { pid } = this.running;
      process.kill(pid, "SIGSTOP");
      await pause(fault.lastsMs);
      process.kill(pid, "SIGCONT");
      return;
    }
    await (fault.kind === "kill" ? this.running.kill() : this.running.stop());
    await pause(fault.downMs);
    const startedAt = performance.now();
    this.running = await this.start();
    this.startsMs.push(performance.now() - startedAt);
  }

  async stop(): Promise<void> {
    await this.running.stop();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
