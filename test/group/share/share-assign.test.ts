import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Assignment } from "#group/assignors/assignor.ts";
import { assignSimply, type ShareMemberToAssign } from "#group/share/assign.ts";

const NOTHING: Assignment = new Map();

function placesOf(assignment: Assignment): string[] {
  return [...assignment].flatMap(([topicId, partitions]) => [...partitions.keys()].map((one) => `${topicId}/${one}`));
}

function assign(members: readonly ShareMemberToAssign[], sizes: Readonly<Record<string, number>>) {
  const assignable = new Map(Object.entries(sizes).map(([topicId, size]) => [topicId, new Set(Array(size).keys())]));
  return assignSimply(members, assignable);
}

const sizes = fc.record({ t: fc.integer({ min: 1, max: 7 }), u: fc.integer({ min: 1, max: 4 }) });
const subscriptions = fc.array(fc.subarray(["t", "u"], { minLength: 1 }), { minLength: 1, maxLength: 12 });

function membersOf(topics: readonly (readonly string[])[], former: ReadonlyMap<string, Assignment> = new Map()) {
  return topics.map((ids, at) => {
    const memberId = `m${at}`;
    return { memberId, topicIds: new Set(ids), owned: former.get(memberId) ?? NOTHING };
  });
}

describe("the simple assignor", () => {
  it("gives every partition that somebody wants to somebody who wants it", () => {
    fc.assert(
      fc.property(sizes, subscriptions, (count, topics) => {
        const given = assign(membersOf(topics), count);
        for (const [at, ids] of topics.entries()) {
          for (const place of placesOf(given.get(`m${at}`) ?? NOTHING)) expect(ids).toContain(place.split("/")[0]);
        }
        const all = new Set([...given.values()].flatMap(placesOf));
        for (const [topicId, size] of Object.entries(count)) {
          if (!topics.some((ids) => ids.includes(topicId))) continue;
          for (let index = 0; index < size; index++) expect(all).toContain(`${topicId}/${index}`);
        }
      }),
    );
  });

  it("gives members of one subscription as much as each other, and partitions as many members as each other", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 30 }), (count, members) => {
        const given = assign(membersOf(Array(members).fill(["t", "u"])), count);
        const counts = [...given.values()].map((one) => placesOf(one).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        const holders = Map.groupBy([...given.values()].flatMap(placesOf), (place) => place);
        const most = Math.ceil(members / (count.t + count.u));
        for (const held of holders.values()) expect(held.length).toBe(most);
      }),
    );
  });

  it("lets members keep what they have when nothing has changed", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 30 }), (count, members) => {
        const topics = Array(members).fill(["t", "u"]);
        const first = assign(membersOf(topics), count);
        const second = assign(membersOf(topics, first), count);
        for (const [memberId, one] of first) expect(placesOf(second.get(memberId) ?? NOTHING)).toEqual(placesOf(one));
      }),
    );
  });

  it("still gives every partition away when members come and go", () => {
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 5 }),
        (count, memberCounts) => {
          let former: ReadonlyMap<string, Assignment> = new Map();
          for (const members of memberCounts) {
            former = assign(membersOf(Array(members).fill(["t", "u"]), former), count);
            expect(new Set([...former.values()].flatMap(placesOf)).size).toBe(count.t + count.u);
          }
        },
      ),
    );
  });
});
