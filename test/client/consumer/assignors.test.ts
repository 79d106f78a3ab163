import { describe, expect, it } from "vitest";
import { ASSIGNORS } from "#client/consumer/assignors/all.ts";
import type { Assignor, AssignorMember } from "#client/consumer/assignors/assignor.ts";
import { partitionKey, type TopicPartition } from "#client/topic-partition.ts";
import { seeded } from "../../clients/records.ts";

interface MemberShape {
  readonly topics: readonly string[];
  readonly owned?: readonly TopicPartition[];
  readonly generationId?: number;
  readonly groupInstanceId?: string;
}

function members(assignor: Assignor, shapes: Readonly<Record<string, MemberShape>>): AssignorMember[] {
  return Object.entries(shapes).map(
    ([memberId, { topics, owned = [], generationId = owned.length > 0 ? 1 : -1, groupInstanceId }]) => ({
      memberId,
      groupInstanceId: groupInstanceId ?? null,
      topics,
      userData: assignor.userData?.(owned, generationId) ?? null,
      ownedPartitions: assignor.isCooperative ? owned : [],
      generationId: assignor.isCooperative ? generationId : -1,
    }),
  );
}

function keys(assigned: ReadonlyMap<string, readonly TopicPartition[]>): Record<string, string[]> {
  return Object.fromEntries([...assigned].map(([memberId, own]) => [memberId, own.map(partitionKey)]));
}

const counts = new Map([
  ["a", 3],
  ["b", 2],
]);
const both = { topics: ["a", "b"] };
const { range, roundrobin, sticky } = ASSIGNORS;
const cooperative = ASSIGNORS["cooperative-sticky"];

describe("the range assignor", () => {
  it("gives each member a row of each topic, the first ones more", () => {
    expect(keys(range.assign(members(range, { m2: both, m1: both }), counts))).toEqual({
      m1: ["a/0", "a/1", "b/0"],
      m2: ["a/2", "b/1"],
    });
  });

  it("counts only those that want the topic, and puts static members first", () => {
    const shapes = { m1: { topics: ["a"] }, m2: { ...both, groupInstanceId: "z" } };
    expect(keys(range.assign(members(range, shapes), counts))).toEqual({
      m1: ["a/2"],
      m2: ["a/0", "a/1", "b/0", "b/1"],
    });
  });
});

describe("the round-robin assignor", () => {
  it("deals the partitions of all topics out in turn", () => {
    expect(keys(roundrobin.assign(members(roundrobin, { m2: both, m1: both }), counts))).toEqual({
      m1: ["a/0", "a/2", "b/1"],
      m2: ["a/1", "b/0"],
    });
  });

  it("passes over members that don't want the topic", () => {
    const shapes = { m1: { topics: ["b"] }, m2: { topics: ["a"] } };
    expect(keys(roundrobin.assign(members(roundrobin, shapes), counts))).toEqual({
      m1: ["b/0", "b/1"],
      m2: ["a/0", "a/1", "a/2"],
    });
  });
});

function owned(...names: readonly string[]): TopicPartition[] {
  return names.map((name) => ({ topic: name.split("/")[0], partition: Number(name.split("/")[1]) }));
}

describe.each([sticky, cooperative])("the assignor $name", (assignor) => {
  it("leaves a balanced group alone", () => {
    const shapes = { m1: { ...both, owned: owned("a/2", "b/0") }, m2: { ...both, owned: owned("a/0", "a/1", "b/1") } };
    expect(keys(assignor.assign(members(assignor, shapes), counts))).toEqual({
      m1: ["a/2", "b/0"],
      m2: ["a/0", "a/1", "b/1"],
    });
  });

  it("gives what a member left behind to the others, evenly", () => {
    const shapes = { m1: { ...both, owned: owned("a/0") }, m2: { ...both, owned: owned("a/1") } };
    const assigned = keys(assignor.assign(members(assignor, shapes), counts));
    expect(assigned["m1"]).toContain("a/0");
    expect(assigned["m2"]).toContain("a/1");
    expect([assigned["m1"].length, assigned["m2"].length].toSorted()).toEqual([2, 3]);
  });

  it("believes the younger of two claims, and neither of two of the same age", () => {
    const shapes = {
      m1: { ...both, owned: owned("a/0", "a/1"), generationId: 4 },
      m2: { ...both, owned: owned("a/0", "b/0"), generationId: 5 },
      m3: { ...both, owned: owned("b/0"), generationId: 5 },
    };
    const assigned = keys(assignor.assign(members(assignor, shapes), counts));
    expect(assigned["m1"]).not.toContain("a/0");
    expect(assigned["m2"]).toContain("a/0");
    expect(Object.values(assigned).flat().toSorted()).toEqual(["a/0", "a/1", "a/2", "b/0", "b/1"]);
  });

  it("gives a member only topics that it wants, and forgets ones that are gone", () => {
    const shapes = { m1: { topics: ["a", "gone"], owned: owned("b/0", "gone/0") }, m2: { topics: ["b"] } };
    expect(keys(assignor.assign(members(assignor, shapes), counts))).toEqual({
      m1: ["a/0", "a/1", "a/2"],
      m2: assignor.isCooperative ? ["b/1"] : ["b/0", "b/1"],
    });
  });

  it("shares evenly and moves as little as it can, whatever came before", () => {
    const random = seeded(7);
    const many = new Map([["a", 17]]);
    let held = new Map<string, readonly TopicPartition[]>();
    for (let round = 0; round < 40; round++) {
      const ids = ["m1", "m2", "m3", "m4", "m5"].filter(() => random() < 0.7);
      if (ids.length === 0) continue;
      const before = held;
      // A cooperative group comes to rest in at most two rebalances.
      for (let step = 0; step < 2; step++) {
        const shapes = Object.fromEntries(
          ids.map((id) => [id, { topics: ["a"], owned: held.get(id) ?? [], generationId: round * 2 + step }]),
        );
        held = new Map(assignor.assign(members(assignor, shapes), many));
      }
      const sizes = ids.map((id) => held.get(id)?.length ?? 0);
      expect(sizes.reduce((sum, size) => sum + size)).toBe(17);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      for (const id of ids) {
        const own = (before.get(id) ?? []).map(partitionKey);
        const kept = own.filter((key) => held.get(id)?.some((one) => partitionKey(one) === key));
        expect(kept.length).toBeGreaterThanOrEqual(Math.min(own.length, Math.floor(17 / ids.length)));
      }
    }
  });
});

describe("the cooperative assignor", () => {
  it("gives out what another member holds only when that one has let go", () => {
    const shapes = { m1: { topics: ["a"], owned: owned("a/0", "a/1", "a/2") }, m2: { topics: ["a"] } };
    const first = cooperative.assign(members(cooperative, shapes), counts);
    expect(keys(first)).toEqual({ m1: ["a/0", "a/1"], m2: [] });
    const next = { m1: { topics: ["a"], owned: owned("a/0", "a/1") }, m2: { topics: ["a"], owned: [] } };
    expect(keys(cooperative.assign(members(cooperative, next), counts))).toEqual({ m1: ["a/0", "a/1"], m2: ["a/2"] });
  });
});

describe("the sticky assignor", () => {
  it("takes garbage in a member's user data for no claim", () => {
    const [one] = members(sticky, { m1: { topics: ["a"] } });
    for (const userData of [Uint8Array.of(1, 2), new Uint8Array(64).fill(0xff), new Uint8Array(2_000_000)]) {
      expect(keys(sticky.assign([{ ...one, userData }], counts))).toEqual({ m1: ["a/0", "a/1", "a/2"] });
    }
  });
});
