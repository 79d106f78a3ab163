import { ErrorCode } from "#protocol/errors.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import type { CommitEvent, Pending, TransactionEvent } from "../../checker/history.ts";
import type { Process } from "../process.ts";
import type { CopierSpec } from "../workload.ts";
import { type ClientWorld, SimClient, topicKey } from "./client.ts";
import { LostError } from "./connection.ts";
import { ConsumerSeat } from "./consumer-seat.ts";
import { Coordinator, hasMoved, type Membership } from "./coordinator.ts";
import { listOffset, type Position, READ_COMMITTED } from "./fetcher.ts";
import { ClassicSeat, type Seat } from "./seat.ts";
import { Interrupted, type Original, TransactionalProducer } from "./transactional-producer.ts";
import { openRecords } from "./values.ts";

const FETCH = { request: FetchRequest, response: FetchResponse };
const FETCH_VERSION = 12;
const FETCH_BYTES = 2_000;
const FETCH_WAIT_MS = 50;
const LOOK_BACK_SHARE = 0.2;
const MOMENT_MS = 0.01;

/** Reads, writes what it has read, and commits both at once: exactly once, whatever happens to it. */
export class Copier extends SimClient {
  readonly spec: CopierSpec;
  readonly #producer: TransactionalProducer;
  readonly #group: Coordinator;
  readonly #seat: Seat | null;
  readonly #positions = new Map<string, Position>();
  /** What its group has given it; null where it has everything. */
  #part: ReadonlySet<string> | null = null;
  #transactions = 0;
  #isStopped = false;
  #isIdle = false;
  #isInTransaction = false;

  constructor(process: Process, world: ClientWorld, spec: CopierSpec) {
    super(process, world);
    this.spec = spec;
    this.#producer = new TransactionalProducer(this, spec);
    this.#group = new Coordinator(this, spec.group);
    this.#seat = seatOf(this, spec);
  }

  get positions(): ReadonlyMap<string, Position> {
    return this.#positions;
  }

  /** Ends after the transaction that is open now. */
  stop(): void {
    this.#isStopped = true;
  }

  get isInTransaction(): boolean {
    return this.#isInTransaction;
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Until it is stopped, or another has taken its place. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      if (!(await this.#producer.begin())) return this.process.kill();
      this.#positions.clear();
      try {
        while (!this.#isStopped) await this.#copy();
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
      }
    }
    this.#isIdle = true;
  }

  /** One transaction, or a moment's rest where there is nothing to do. */
  async #copy(): Promise<void> {
    if (this.#seat?.isOver) {
      this.#positions.clear();
      this.#part = new Set((await this.#seat.take()).map(({ name, partition }) => `${name} ${partition}`));
    }
    const membership = this.#seat?.membership ?? null;
    await this.#look();
    const before = new Map([...this.#positions].map(([key, position]) => [key, position.offset]));
    this.#isInTransaction = true;
    const originals = await this.#gather();
    if (originals.length > 0) {
      const isCommitted = await this.#transact(originals, membership);
      if (!isCommitted) for (const [key, offset] of before) (this.#positions.get(key) as Position).offset = offset;
    }
    this.#isInTransaction = false;
    await this.process.sleep(this.spec.pollGapMs);
  }

  /** Finds the partitions that it doesn't know yet, and where the group stands in them. */
  async #look(): Promise<void> {
    const isKnown = [...this.spec.from, this.spec.to].every((name) => this.topics.has(name));
    if (!isKnown || this.process.random.chance(0.1)) await this.refresh([...this.spec.from, this.spec.to]);
    const fresh: Position[] = [];
    for (const name of this.spec.from) {
      const topic = this.topics.get(name);
      topic?.leaders.forEach((_, partition) => {
        const key = `${name} ${partition}`;
        if (this.#positions.has(key) || this.#part?.has(key) === false) return;
        fresh.push({ name, topicId: topic.topicId, partition, offset: -1 });
      });
    }
    if (fresh.length === 0) return;
    const committed = await this.#committed(fresh);
    for (const position of fresh) {
      const offset = committed.get(position) ?? -1;
      position.offset = offset >= 0 ? offset : await this.#earliest(position);
      this.#positions.set(`${position.name} ${position.partition}`, position);
    }
  }

  /** Waits for transactions that are still being ended. */
  #committed(positions: readonly Position[]): Promise<ReadonlyMap<Position, number>> {
    return this.persist(async () => {
      const committed = await this.#group.committed(positions, true, true);
      if (typeof committed !== "number") return committed;
      if (hasMoved(committed)) this.#group.forget();
      return null;
    });
  }

  #earliest(position: Position): Promise<number> {
    return this.persist(async () => {
      const offset = await listOffset(this, position, "earliest");
      if (offset === null) await this.refresh([position.name]);
      return offset;
    });
  }

  /** A few records from here and there. */
  async #gather(): Promise<Original[]> {
    const originals: Original[] = [];
    const { random } = this.process;
    const positions = [...this.#positions.values()];
    for (let left = random.between(1, 3); left > 0 && positions.length > 0; left--) {
      const [position] = positions.splice(random.below(positions.length), 1);
      try {
        originals.push(...(await this.#fetch(position)));
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
        await this.backOff(1);
      }
      if (originals.length >= this.spec.maxRecords) break;
    }
    return originals;
  }

  async #fetch(position: Position): Promise<Original[]> {
    const { name, topicId, partition, offset } = position;
    const leader = this.topics.get(name)?.leaders[partition];
    if (leader === undefined) return [];
    const connection = await this.connection(leader);
    const invokedMs = this.nowMs;
    const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: FETCH_BYTES }];
    const answer = await connection.call(FETCH, FETCH_VERSION, {
      isolationLevel: READ_COMMITTED,
      maxWaitMs: FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      sessionEpoch: -1,
      topics: [{ topic: name, topicId, partitions }],
    });
    const found = answer.responses[0].partitions[0];
    const opened = openRecords(found.records, offset, found.abortedTransactions ?? []);
    const { errorCode, highWatermark, lastStableOffset, logStartOffset } = found;
    const taken = opened.records.slice(0, this.spec.maxRecords);
    this.world.record({
      type: "fetch",
      client: this.name,
      group: null,
      topic: topicKey(position),
      partition,
      invokedMs,
      completedMs: this.nowMs,
      offset,
      errorCode,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      minBytes: 1,
      isCommittedOnly: true,
      ...opened,
    });
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) position.offset = await this.#earliest(position);
    else if (errorCode !== ErrorCode.NONE) await this.refresh([name]);
    if (errorCode !== ErrorCode.NONE) return [];
    const isAll = taken.length === opened.records.length;
    position.offset = isAll ? opened.nextOffset : (taken.at(-1)?.offset ?? offset) + 1;
    return taken.map(({ id, offset: at }) => ({ name: `${id}@${at}`, position }));
  }

  /** False when it was aborted. Throws Interrupted when the producer has to begin anew. */
  async #transact(originals: readonly Original[], membership: Membership | null): Promise<boolean> {
    const { transactionalId, isV2, slowShare, abortShare } = this.spec;
    const { random } = this.process;
    const transaction = `${this.name}/${this.#transactions++}`;
    // Whatever happens now: nobody has asked to commit it.
    const event: Pending<TransactionEvent> = {
      type: "transaction",
      client: this.name,
      transaction,
      transactionalId,
      outcome: "aborted",
      invokedMs: this.nowMs,
      completedMs: null,
    };
    this.world.record(event);
    const parts = this.#partsOf(originals);
    if (!isV2) await this.#producer.addPartitions([...parts.keys()]);
    for (const [partition, part] of parts) await this.#producer.produce(partition, part, transaction);
    if (random.chance(this.spec.lateShare ?? 0)) await this.#abortWithLateBatch(parts, transaction);
    const positions = [...new Set(originals.map(({ position }) => position))];
    // Meanwhile the group may go on without it.
    if (membership !== null && random.chance(slowShare)) await this.process.sleep(random.between(1_000, 8_000));
    await this.#producer.commitOffsets(this.#group, positions, membership);
    if (random.chance(slowShare)) await this.process.sleep(random.between(1_000, 8_000));
    const isCommit = !random.chance(abortShare);
    event.invokedMs = this.nowMs;
    const commits = isCommit ? positions.map((position) => this.#commitEvent(position)) : [];
    for (const commit of commits) this.world.record(commit);
    if (isCommit) event.outcome = "unknown";
    await this.#producer.end(isCommit);
    event.outcome = isCommit ? "committed" : "aborted";
    event.completedMs = this.nowMs;
    for (const commit of commits) {
      commit.outcome = "acknowledged";
      commit.completedMs = this.nowMs;
    }
    if (random.chance(LOOK_BACK_SHARE)) await this.#lookBack(positions);
    return isCommit;
  }

  /** Asks for the offsets at once, while the markers may still be under way. */
  async #lookBack(positions: readonly Position[]): Promise<void> {
    // What is asked in the very moment of an answer doesn't count as asked after it.
    await this.process.sleep(MOMENT_MS);
    try {
      await this.#group.committed(positions, true, true);
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
    }
  }

  /** As a stock client whose batch had no answer in time: it aborts, and goes on with another epoch. */
  async #abortWithLateBatch(parts: ReadonlyMap<number, Original[]>, transaction: string): Promise<never> {
    const [partition, part] = this.process.random.pick([...parts]);
    await this.#producer.produceLate(partition, part, transaction);
    await this.#producer.end(false);
    throw new Interrupted("a batch had no answer");
  }

  #partsOf(originals: readonly Original[]): Map<number, Original[]> {
    const count = this.topics.get(this.spec.to)?.leaders.length ?? 1;
    return Map.groupBy(originals, ({ position }) => position.partition % count);
  }

  #commitEvent(position: Position): Pending<CommitEvent> {
    return {
      type: "commit",
      client: this.name,
      group: this.spec.group,
      topic: topicKey(position),
      partition: position.partition,
      memberId: "",
      generation: -1,
      offset: position.offset,
      isTransactional: true,
      invokedMs: this.nowMs,
      completedMs: null,
      outcome: "unknown",
    };
  }
}

function seatOf(copier: Copier, { seat, group, from }: CopierSpec): Seat | null {
  if (seat === undefined) return null;
  const plan = { group, from, seat };
  return seat.protocol === "classic" ? new ClassicSeat(copier, plan) : new ConsumerSeat(copier, plan);
}
