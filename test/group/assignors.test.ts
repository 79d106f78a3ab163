import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Assignment, Assignor, MemberToAssign } from "#group/assignors/assignor.ts";
import { assignRanges } from "#group/assignors/range.ts";
import { assignUniformly } from "#group/assignors/uniform.ts";

const TOPICS = ["t", "u", "v", "w"];

/** Which topics each member subscribes to, how many partitions topics have, and who had what. */
const world = fc.record({
  members: fc.array(fc.subarray(TOPICS), { minLength: 1, maxLength: 8 }),
  sizes: fc.tuple(...TOPICS.map(() => fc.integer({ min: 1, max: 12 }))),
  isSame: fc.boolean(),
});

type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

function spec({ members, sizes, isSame }: World, owned: ReadonlyMap<string, Assignment> = new Map()) {
  const partitionCount = (topicId: string) => sizes[TOPICS.indexOf(topicId)];
  const all = members.map((topics, index): MemberToAssign => {
    const memberId = `m${index}`;
    const topicIds = new Set(isSame ? members[0] : topics);
    return {
      memberId,
      groupInstanceId: index % 3 === 2 ? `i${9 - index}` : null,
      topicIds,
      owned: owned.get(memberId) ?? new Map(),
    };
  });
  return { members: all, partitionCount };
}

function pairsOf(assigned: ReadonlyMap<string, Assignment>): Map<string, string> {
  const owners = new Map<string, string>();
  for (const [memberId, assignment] of assigned) {
    for (const [topicId, partitions] of assignment) {
      for (const index of partitions) {
        expect(owners.has(`${topicId}/${index}`)).toBe(false);
        owners.set(`${topicId}/${index}`, memberId);
      }
    }
  }
  return owners;
}

function loadsOf(assigned: ReadonlyMap<string, Assignment>): number[] {
  return [...assigned.values()].map((own) => [...own.values()].reduce((sum, partitions) => sum + partitions.size, 0));
}

const ASSIGNORS: readonly (readonly [string, Assignor])[] = [
  ["uniform", assignUniformly],
  ["range", assignRanges],
];

describe("assignors", () => {
  for (const [name, assign] of ASSIGNORS) {
    it(`${name} gives every partition of every subscribed topic to exactly one of its subscribers`, () => {
      fc.assert(
        fc.property(world, (one) => {
          const group = spec(one);
          const owners = pairsOf(assign(group));
          const expected = new Set<string>();
          for (const { topicIds } of group.members) {
            for (const id of topicIds) for (let i = 0; i < group.partitionCount(id); i++) expected.add(`${id}/${i}`);
          }
          expect(new Set(owners.keys())).toEqual(expected);
          for (const [partition, memberId] of owners) {
            const member = group.members.find((candidate) => candidate.memberId === memberId);
            expect(member?.topicIds.has(partition[0])).toBe(true);
          }
        }),
      );
    });

    it(`${name} depends on nothing but what is asked`, () => {
      fc.assert(
        fc.property(world, (one) => {
          const group = spec(one);
          const turned = { ...group, members: [...group.members].reverse() };
          expect(pairsOf(assign(turned))).toEqual(pairsOf(assign(group)));
        }),
      );
    });

    it(`${name} leaves everything as it is when nothing has changed`, () => {
      fc.assert(
        fc.property(world, (one) => {
          const before = assign(spec(one));
          expect(pairsOf(assign(spec(one, before)))).toEqual(pairsOf(before));
        }),
      );
    });
  }

  it("uniform shares evenly among members with the same subscription, and moves no more than it must", () => {
    fc.assert(
      fc.property(world, fc.nat({ max: 3 }), (one, change) => {
        const before = assignUniformly(spec({ ...one, isSame: true }));
        // One joins, one leaves, or a topic grows.
        const members =
          change === 0 ? [...one.members, one.members[0]] : one.members.slice(0, change === 1 ? -1 : undefined);
        if (members.length === 0) return;
        const sizes = change === 2 ? (one.sizes.map((size) => size + 1) as World["sizes"]) : one.sizes;
        const group = spec({ members, sizes, isSame: true }, before);
        const after = assignUniformly(group);
        const loads = loadsOf(after);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        const owners = pairsOf(after);
        const total = owners.size;
        const [least, extras] = [Math.floor(total / members.length), total % members.length];
        const counts = group.members.map(({ owned }) => [...owned.values()].reduce((sum, own) => sum + own.size, 0));
        const sorted = counts.toSorted((a, b) => b - a);
        const mayStay = sorted.reduce((sum, count, at) => sum + Math.min(count, least + (at < extras ? 1 : 0)), 0);
        const stayed = [...pairsOf(before)].filter(
          ([partition, memberId]) => owners.get(partition) === memberId,
        ).length;
        expect(stayed).toBe(mayStay);
      }),
    );
  });

  it("uniform is as even as different subscriptions allow", () => {
    fc.assert(
      fc.property(world, (one) => {
        const group = spec({ ...one, isSame: false });
        const assigned = assignUniformly(group);
        const load = new Map(
          [...assigned].map(([memberId, own]) => [memberId, [...own.values()].reduce((sum, p) => sum + p.size, 0)]),
        );
        // Nobody could give a partition to somebody who has at least two less.
        for (const [memberId, own] of assigned) {
          for (const [topicId, partitions] of own) {
            if (partitions.size === 0) continue;
            for (const other of group.members) {
              if (!other.topicIds.has(topicId)) continue;
              expect((load.get(memberId) ?? 0) - (load.get(other.memberId) ?? 0)).toBeLessThanOrEqual(1);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("range cuts each topic into runs, static members first, and gives the same number of several topics to one member", () => {
    const topicIds = new Set(["t", "u"]);
    const member = (memberId: string, groupInstanceId: string | null = null) => ({
      memberId,
      groupInstanceId,
      topicIds,
      owned: new Map(),
    });
    const members = [member("b"), member("z", "i"), member("a")];
    const assigned = assignRanges({ members, partitionCount: () => 4 });
    const text = [...assigned].map(
      ([id, own]) => `${id} ${[...own].map(([topic, p]) => `${topic}${[...p].join("")}`).join(" ")}`,
    );
    expect(text.sort()).toEqual(["a t2 u2", "b t3 u3", "z t01 u01"]);
  });
});
