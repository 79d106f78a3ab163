import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ZERO_UUID } from "#bytes/uuid.ts";
import type { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { OffsetBudget } from "#group/offset-budget.ts";
import type { Decision } from "#group/turn.ts";
import type { CoordinatorRecord, TransactionalProducer, TransactionMarker } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { commit, position } from "./commands.ts";
import { newCoordinator } from "./new-coordinator.ts";

// Offsets that are committed within transactions: they count when the transaction is committed, and whatever is replayed says the same.

type Entry =
  | { readonly record: CoordinatorRecord; readonly producer: TransactionalProducer | null }
  | { readonly marker: TransactionMarker };

class World {
  readonly log: Entry[] = [];
  readonly budget = new OffsetBudget();
  readonly machine: GroupCoordinator = newCoordinator(DEFAULT_GROUP_CONFIG, undefined, this.budget);

  /** The error, or NONE. */
  commit(offset: number, partitionIndex = 0, producerId: number | null = null): ErrorCode {
    const producer = producerId === null ? undefined : { producerId, producerEpoch: 0 };
    const command = commit([position(partitionIndex, offset)], { producer });
    const reply = this.take(this.machine.commitOffsets(command, 0));
    return reply.outcomes?.[0][0].errorCode ?? reply.errorCode;
  }

  end(producerId: number, isCommit: boolean): void {
    this.take(this.machine.completeTransaction({ producerId, producerEpoch: 0, coordinatorEpoch: 0, isCommit }, 0));
  }

  remove(partitionIndex: number): void {
    this.take(this.machine.deleteOffsets("g", [{ topic: "t", partitionIndexes: [partitionIndex] }], 0));
  }

  /** Of both partitions; `?` where a transaction is open. */
  see(machine = this.machine): string {
    const [{ partitions }] = machine.fetchOffsets(
      "g",
      [{ topic: "t", topicId: ZERO_UUID, partitionIndexes: [0, 1] }],
      true,
    );
    return partitions
      .map(({ errorCode, offset }) => (errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT ? "?" : offset))
      .join();
  }

  /** As those see it that don't ask for what is stable. */
  seeUnstable(machine = this.machine): string {
    const [{ partitions }] = machine.fetchOffsets("g", [{ topic: "t", topicId: ZERO_UUID, partitionIndexes: [0, 1] }]);
    return partitions.map(({ offset }) => offset).join();
  }

  replayed(): GroupCoordinator {
    const other = newCoordinator(DEFAULT_GROUP_CONFIG);
    for (const entry of this.log) {
      if ("marker" in entry) other.replayMarker(entry.marker);
      else other.replay(entry.record, entry.producer);
    }
    return other;
  }

  take<R>({ records, producer, marker, response }: Decision<R>): R {
    for (const record of records) this.log.push({ record, producer: producer ?? null });
    if (marker !== undefined) this.log.push({ marker });
    return response;
  }
}

describe("offsets of transactions", () => {
  it("count when the transaction is committed", () => {
    const world = new World();
    world.commit(5);
    world.commit(7, 0, 1);
    expect([world.see(), world.seeUnstable()]).toEqual(["?,-1", "5,-1"]);
    expect(world.machine.canBeRewritten).toBe(false);
    world.end(1, true);
    expect(world.see()).toBe("7,-1");
    expect(world.machine.canBeRewritten).toBe(true);
  });

  it("come to nothing when it is aborted", () => {
    const world = new World();
    world.commit(7, 0, 1);
    world.end(1, false);
    expect(world.see()).toBe("-1,-1");
    expect(world.budget.heldBytes).toBe(0);
  });

  it("come to nothing when somebody commits behind them, though they stay open", () => {
    const world = new World();
    world.commit(7, 0, 1);
    world.commit(9);
    expect(world.see()).toBe("?,-1");
    world.end(1, true);
    expect(world.see()).toBe("9,-1");
  });

  it("of two transactions, the one that was written last counts, whichever ends first", () => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const world = new World();
      world.commit(7, 0, 1);
      world.commit(9, 0, 2);
      for (const producerId of order) world.end(producerId, true);
      expect(world.see()).toBe("9,-1");
    }
  });

  it("go with the offset when it is deleted", () => {
    const world = new World();
    world.commit(7, 0, 1);
    world.remove(0);
    expect(world.see()).toBe("-1,-1");
    world.end(1, true);
    expect(world.see()).toBe("-1,-1");
    expect(world.budget.heldBytes).toBe(0);
  });

  it("may be committed by anybody who names no member, even to a group with members", () => {
    const world = new World();
    expect(world.commit(7, 0, 1)).toBe(ErrorCode.NONE);
  });

  const step = fc.oneof(
    fc.record({
      kind: fc.constant("commit" as const),
      partition: fc.nat({ max: 1 }),
      producer: fc.constantFrom(null, 1, 2),
    }),
    fc.record({ kind: fc.constant("end" as const), producer: fc.constantFrom(1, 2), isCommit: fc.boolean() }),
    fc.record({ kind: fc.constant("remove" as const), partition: fc.nat({ max: 1 }) }),
  );

  it("are the same after a replay, and nothing is held in the end", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = new World();
        for (const [at, one] of steps.entries()) {
          if (one.kind === "commit") world.commit(at, one.partition, one.producer);
          else if (one.kind === "end") world.end(one.producer, one.isCommit);
          else world.remove(one.partition);
          const other = world.replayed();
          expect([world.see(other), world.seeUnstable(other)]).toEqual([world.see(), world.seeUnstable()]);
        }
        for (const producerId of [1, 2]) world.end(producerId, false);
        for (const partition of [0, 1]) world.remove(partition);
        expect(world.see()).toBe("-1,-1");
        expect(world.budget.heldBytes).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
