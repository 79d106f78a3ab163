import type { TopicPartition } from "../../topic-partition.ts";
import { type Assignor, inOrder } from "./assignor.ts";

/** Of each topic, each member gets a row of neighbouring partitions; the first members get one more where it doesn't come out even. */
export const rangeAssignor: Assignor = {
  name: "range",
  isCooperative: false,
  assign(members, partitionCounts) {
    const assigned = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]));
    for (const [topic, count] of partitionCounts) {
      const takers = inOrder(members.filter(({ topics }) => topics.includes(topic)));
      let next = 0;
      for (const [index, { memberId }] of takers.entries()) {
        const share = Math.floor(count / takers.length) + (index < count % takers.length ? 1 : 0);
        for (let taken = 0; taken < share; taken++) assigned.get(memberId)?.push({ topic, partition: next++ });
      }
    }
    return assigned;
  },
};
