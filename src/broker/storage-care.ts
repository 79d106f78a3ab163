import { Maintenance } from "#log/maintenance.ts";
import type { PartitionLogs } from "#log/partition-logs.ts";
import { Offloader } from "#log/tiering/offloader.ts";
import { TieredReader } from "#log/tiering/tiered-reader.ts";
import type { Broker, BrokerPorts } from "./broker.ts";

/** What a broker does about its logs by itself: retention, and the move of sealed segments to the object store. */
export class StorageCare {
  /** Null without an object store. */
  readonly reader: TieredReader | null;
  private readonly broker: Broker;
  private readonly logs: PartitionLogs;
  private readonly ports: BrokerPorts;
  private maintenance: Maintenance | null = null;

  constructor(broker: Broker, logs: PartitionLogs, ports: BrokerPorts) {
    this.broker = broker;
    this.logs = logs;
    this.ports = ports;
    const { objectStore, compression } = ports;
    this.reader = objectStore === undefined ? null : new TieredReader(objectStore, compression.kernels);
  }

  /** Once the broker knows its configs. */
  begin(): void {
    const { broker, logs, ports } = this;
    const { clock, timers, onNextDue } = ports;
    this.maintenance = new Maintenance({
      logs,
      clock,
      timers,
      offloader: this.newOffloader(),
      configOf({ topicId, partitionIndex }) {
        const topic = broker.cluster.topicById(topicId);
        if (topic?.partitions[partitionIndex]?.leaderId !== broker.brokerId) return null;
        return broker.configOf(topic);
      },
      checkIntervalMs: () => broker.settings.logRetentionCheckIntervalMs,
      isWanted: (log) => broker.wantsCompaction(log),
      onNextDue,
    });
  }

  private newOffloader(): Offloader | null {
    const { objectStore, clock, random, timers, compression, onObjectStoreFailed } = this.ports;
    const { garbage } = this.logs;
    if (objectStore === undefined || garbage === null) return null;
    return new Offloader({
      objects: objectStore,
      garbage,
      kernels: compression.kernels,
      clock,
      random,
      timers,
      committed: () => this.logs.committed(),
      onTiered: (log) => this.maintenance?.offload(log),
      onFailed: (reason) => onObjectStoreFailed?.(reason),
    });
  }

  clusterChanged(): void {
    this.maintenance?.configsChanged();
  }

  care(): Promise<void> {
    return this.maintenance?.sweep() ?? Promise.resolve();
  }
}
