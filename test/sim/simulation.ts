import type { BrokerImage, ConfigValues } from "#ports/controller.ts";
import type { HistoryEvent } from "../checker/history.ts";
import { BrokerHost } from "./broker-host.ts";
import { compression } from "./clients/values.ts";
import { ControllerHost } from "./controller-host.ts";
import type { Fault } from "./faults.ts";
import { Network } from "./network.ts";
import { SimObjectStore } from "./object-store.ts";
import { PeerNetwork } from "./peer-network.ts";
import { Prng } from "./prng.ts";
import { Process } from "./process.ts";
import { Scheduler } from "./scheduler.ts";
import { Trace } from "./trace.ts";

export const RECORD_LOCK_MS = 2_000;
const SLOW_DISK_MS = 300;

/** Few partitions of `__consumer_offsets`, so that groups share them, and short sessions, so that they end within a run. */
const STATIC_CONFIGS: ConfigValues = {
  "offsets.topic.num.partitions": "4",
  "transaction.state.log.num.partitions": "4",
  "group.min.session.timeout.ms": "1000",
  "group.consumer.min.session.timeout.ms": "1000",
  "group.consumer.session.timeout.ms": "3000",
  "group.consumer.min.heartbeat.interval.ms": "100",
  "group.consumer.heartbeat.interval.ms": "500",
  "group.consumer.assignment.interval.ms": "200",
  "group.share.min.session.timeout.ms": "1000",
  "group.share.session.timeout.ms": "3000",
  "group.share.min.heartbeat.interval.ms": "100",
  "group.share.heartbeat.interval.ms": "500",
  "group.share.assignment.interval.ms": "200",
  "group.share.min.record.lock.duration.ms": "1000",
  "group.share.record.lock.duration.ms": `${RECORD_LOCK_MS}`,
  "share.coordinator.state.topic.num.partitions": "4",
  "remote.log.storage.system.enable": "true",
  "log.retention.check.interval.ms": "1000",
  "log.cleaner.backoff.ms": "300",
};

/** A cluster of real cores in a simulated world: time, network, disks, clocks and other misfortunes come from one seed. */
export class Simulation {
  readonly seed: number;
  readonly trace: Trace;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly controller: ControllerHost;
  readonly peers: PeerNetwork;
  readonly objects: SimObjectStore;
  readonly hosts = new Map<number, BrokerHost>();
  readonly brokerIds: readonly number[];
  readonly history: HistoryEvent[] = [];
  readonly processes = new Map<string, Process>();
  /** What must never be thrown: a failed assertion, a codec that can't read the other's bytes. */
  readonly bugs: string[] = [];
  #isHealed = false;

  constructor(seed: number, brokers: number, keepsTrace: boolean) {
    this.seed = seed;
    this.trace = new Trace(keepsTrace);
    this.scheduler = new Scheduler(this.trace);
    this.network = new Network(this.scheduler, seed);
    this.brokerIds = Array.from({ length: brokers }, (_, i) => i + 1);
    const onBug = (error: unknown) => this.bug(error);
    const images = this.brokerIds.map((id): BrokerImage => ({ id, host: "sim", port: 9090 + id, rack: null }));
    this.controller = new ControllerHost({
      scheduler: this.scheduler,
      seed,
      brokers: images,
      staticBrokerConfigs: STATIC_CONFIGS,
      push: (brokerId, image) => this.hosts.get(brokerId)?.adopt(image),
      onBug,
    });
    this.peers = new PeerNetwork(this.scheduler, seed);
    this.objects = new SimObjectStore(this.scheduler, seed);
    for (const id of this.brokerIds) {
      const host = new BrokerHost({
        id,
        seed,
        scheduler: this.scheduler,
        controller: this.controller,
        peers: this.peers,
        objects: this.objects,
        compression,
        onBug,
      });
      this.hosts.set(id, host);
      this.network.listen(id, (wire) => host.accept(wire));
      this.peers.listen(id, (frame) => host.exchange(frame));
    }
  }

  bug(error: unknown): void {
    this.bugs.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    this.scheduler.stop();
  }

  record(event: HistoryEvent): void {
    this.history.push(event);
  }

  process(name: string): Process {
    const process = new Process(name, {
      scheduler: this.scheduler,
      random: Prng.named(this.seed, `client ${name}`),
      onBug: (error) => this.bug(error),
    });
    this.processes.set(name, process);
    return process;
  }

  /** Everything works again; connections begin anew, so that nothing old is under way. */
  heal(): void {
    this.scheduler.trace("all is well again");
    this.#isHealed = true;
    this.network.heal();
    this.controller.heal();
    this.peers.heal();
    this.objects.heal();
    for (const host of this.hosts.values()) host.heal();
    for (const wire of [...this.network.wires]) wire.break();
  }

  apply(fault: Fault): void {
    this.scheduler.trace(`fault ${JSON.stringify(fault)}`);
    switch (fault.kind) {
      case "reset":
      case "half-open":
      case "stall":
        for (const wire of [...this.network.wires]) {
          if (wire.process.name !== fault.client || wire.brokerId !== fault.broker) continue;
          if (fault.kind === "stall") wire.stalledUntilMs = this.scheduler.nowMs + fault.forMs;
          else if (fault.kind === "reset") wire.break();
          else wire.goSilent();
        }
        return;
      case "partition":
        this.network.link(fault.client, fault.broker).heldUntilMs = this.scheduler.nowMs + fault.forMs;
        return;
      case "slow-link": {
        const link = this.network.link(fault.client, fault.broker);
        link.slowUntilMs = this.scheduler.nowMs + fault.forMs;
        link.slowByMs = fault.byMs;
        return;
      }
      case "client-hang":
        return this.processes.get(fault.client)?.hang(fault.forMs);
      case "controller-crash":
        return this.controller.crash(fault.downMs);
      case "controller-cut":
        return this.controller.cut(fault.broker, fault.forMs);
      case "objects-down":
        return this.objects.takeDown(fault.forMs);
      case "objects-slow":
        return this.objects.slowDown(fault.forMs, fault.byMs);
      case "peer-cut":
        return this.peers.cut(fault.broker, fault.forMs);
      case "crash-at-marker":
        return this.peers.atNextMarker((brokerId) => this.#crashSoon(brokerId, fault));
      case "controller-slow":
        return this.controller.slowDown(fault.forMs, fault.byMs);
      default:
        return this.#applyToBroker(fault);
    }
  }

  #crashSoon(brokerId: number, { afterMs, cutMs }: Extract<Fault, { kind: "crash-at-marker" }>): void {
    const host = this.hosts.get(brokerId);
    if (host === undefined) return;
    host.slowDiskUntilMs = this.scheduler.nowMs + afterMs;
    host.slowDiskByMs = SLOW_DISK_MS;
    this.scheduler.at(afterMs, "", () => {
      if (this.#isHealed) return;
      this.peers.cut(brokerId, cutMs);
      host.crash(0, false);
    });
  }

  #applyToBroker(fault: Extract<Fault, { broker: number }>): void {
    const host = this.hosts.get(fault.broker);
    if (host === undefined) return;
    const { nowMs } = this.scheduler;
    switch (fault.kind) {
      case "crash":
        return host.crash(fault.downMs, fault.isSilent);
      case "crash-at-step":
        return host.crashAt(fault.step, fault.count);
      case "crash-at-decision":
        host.slowDiskUntilMs = nowMs + fault.forMs;
        host.slowDiskByMs = SLOW_DISK_MS;
        return this.peers.atNextMarkerFrom(fault.broker, () => {
          this.processes.get(fault.client)?.hang(fault.hangMs);
          host.crash(0, false);
        });
      case "double-start":
        return host.doubleStart(fault.forMs, fault.failsReads);
      case "slow-disk":
        host.slowDiskUntilMs = nowMs + fault.forMs;
        host.slowDiskByMs = fault.byMs;
        return;
      case "failing-disk":
        host.failingDiskUntilMs = nowMs + fault.forMs;
        return;
      case "clock-jump":
        host.clockOffsetMs += fault.byMs;
        return;
    }
  }
}
