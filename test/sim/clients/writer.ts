import type { Pending, TransactionEvent } from "../../checker/history.ts";
import type { Process } from "../process.ts";
import type { WriterSpec } from "../workload.ts";
import { type ClientWorld, SimClient } from "./client.ts";
import { Interrupted, type Keyed, TransactionalProducer } from "./transactional-producer.ts";

/** Writes records with keys in transactions, and aborts some of them. */
export class Writer extends SimClient {
  readonly spec: WriterSpec;
  readonly #producer: TransactionalProducer;
  #transactions = 0;
  #isStopped = false;
  #isIdle = false;

  constructor(process: Process, world: ClientWorld, spec: WriterSpec) {
    super(process, world);
    this.spec = spec;
    const { transactionalId, to, isV2, transactionTimeoutMs } = spec;
    this.#producer = new TransactionalProducer(this, { transactionalId, to, isV2, transactionTimeoutMs, group: "" });
  }

  /** Ends after the transaction that is open now. */
  stop(): void {
    this.#isStopped = true;
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  async run(): Promise<void> {
    const { to, gapMs, startMs } = this.spec;
    await this.process.sleep(startMs);
    while (!this.#isStopped && (await this.#producer.begin())) {
      await this.refresh([to]);
      try {
        while (!this.#isStopped) {
          await this.#transact();
          await this.process.sleep(this.process.random.exponential(gapMs));
        }
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
      }
    }
    this.#isIdle = true;
  }

  async #transact(): Promise<void> {
    const { transactionalId, isV2, slowShare, abortShare, to } = this.spec;
    const { random } = this.process;
    const partitions = this.topics.get(to)?.leaders.length ?? 0;
    if (partitions === 0) throw new Interrupted("the topic isn't there");
    const parts = new Map<number, Keyed[]>();
    for (let count = random.between(1, 2); count > 0; count--) parts.set(random.below(partitions), this.#records());
    const event: Pending<TransactionEvent> = {
      type: "transaction",
      client: this.name,
      transaction: `${this.name}/${this.#transactions++}`,
      transactionalId,
      outcome: "aborted",
      invokedMs: this.nowMs,
      completedMs: null,
    };
    this.world.record(event);
    if (!isV2) await this.#producer.addPartitions([...parts.keys()]);
    for (const [partition, part] of parts) await this.#producer.produce(partition, part, event.transaction);
    if (random.chance(slowShare)) await this.process.sleep(random.between(500, 4_000));
    const isCommit = !random.chance(abortShare);
    event.invokedMs = this.nowMs;
    if (isCommit) event.outcome = "unknown";
    await this.#producer.end(isCommit);
    event.outcome = isCommit ? "committed" : "aborted";
    event.completedMs = this.nowMs;
  }

  #records(): Keyed[] {
    const { keys, tombstoneShare, maxRecords } = this.spec;
    const { random } = this.process;
    return Array.from({ length: random.between(1, maxRecords) }, () => ({
      key: `k${random.below(keys)}`,
      isTombstone: random.chance(tombstoneShare),
    }));
  }
}
