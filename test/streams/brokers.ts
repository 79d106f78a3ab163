/** The two brokers that the application may run on, at a port that stays when they are killed. */
import { createServer } from "node:net";
import { startApacheKafka } from "#bench/peer/apache-kafka.ts";
import { isRunning, startKedge } from "../e2e/kedge.ts";

interface RunningBroker {
  readonly pid: number;
  stop(): Promise<unknown>;
  kill(): Promise<unknown>;
  output(): string;
}

export interface BrokerPlace {
  readonly bootstrap: string;
  start(): Promise<RunningBroker>;
}

const WATCH_EVERY_MS = 1_000;

/** A broker that is killed and started again, and that must not end otherwise. */
export class KeptBroker {
  /** From the end of the process to the next one's being ready. */
  readonly startsMs: number[] = [];
  private readonly place: BrokerPlace;
  private running: RunningBroker | null = null;
  private readonly watch: NodeJS.Timeout;

  /** `onDeath` is told, once for each life, what it had said. */
  constructor(place: BrokerPlace, onDeath: (output: string) => void) {
    this.place = place;
    this.watch = setInterval(() => {
      if (this.running === null || isRunning(this.running.pid)) return;
      onDeath(this.running.output());
      this.running = null;
    }, WATCH_EVERY_MS);
  }

  async start(): Promise<void> {
    this.running = await this.place.start();
  }

  async killAndStart(downMs: number): Promise<void> {
    const { running } = this;
    this.running = null;
    await running?.kill();
    await new Promise((resolve) => setTimeout(resolve, downMs));
    const startedAt = performance.now();
    await this.start();
    this.startsMs.push(Math.round(performance.now() - startedAt));
  }

  async stop(): Promise<void> {
    clearInterval(this.watch);
    const { running } = this;
    this.running = null;
    await running?.stop();
  }
}

const HOST = "127.0.0.1";

export async function kedgeAt(dataDir: string): Promise<BrokerPlace> {
  const port = await freePort();
  return {
    bootstrap: `${HOST}:${port}`,
    start: async () => {
      const kedge = await startKedge({ dataDir, kafkaPort: port });
      return { pid: kedge.workerdPid, stop: kedge.stop, kill: kedge.kill9, output: kedge.output };
    },
  };
}

/** A broker that was killed is let in again only when its old session is over. */
const SESSION_TIMEOUT_MS = 3_000;
const SETTINGS = [
  `broker.session.timeout.ms=${SESSION_TIMEOUT_MS}`,
  "broker.heartbeat.interval.ms=500",
  "group.streams.min.session.timeout.ms=6000",
  "group.streams.session.timeout.ms=6000",
  "group.streams.min.heartbeat.interval.ms=1000",
  "group.streams.heartbeat.interval.ms=1500",
];

export async function apacheKafkaAt(dataDir: string): Promise<BrokerPlace> {
  const port = await freePort();
  return {
    bootstrap: `${HOST}:${port}`,
    start: async () => {
      const start = () => startApacheKafka({ port, dataDir, heap: "512m", settings: SETTINGS });
      // On a busy machine a start may take longer than it is given.
      const kafka = await start().catch(start);
      await new Promise((resolve) => setTimeout(resolve, SESSION_TIMEOUT_MS));
      return { pid: kafka.pid, stop: kafka.stop, kill: kafka.kill9, output: () => "" };
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
