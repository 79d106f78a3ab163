import type { TopicPartition } from "../../topic-partition.ts";
import { type Assignor, inOrder, wantedPartitions } from "./assignor.ts";

/** Partitions of all topics, in order, go to the members in turn; a member that doesn't want the topic is passed over. */
export const roundRobinAssignor: Assignor = {
  name: "roundrobin",
  isCooperative: false,
  assign(members, partitionCounts) {
    const ordered = inOrder(members);
    const assigned = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]));
    let turn = 0;
    for (const partition of wantedPartitions(members, partitionCounts)) {
      while (!ordered[turn % ordered.length].topics.includes(partition.topic)) turn++;
      assigned.get(ordered[turn++ % ordered.length].memberId)?.push(partition);
    }
    return assigned;
  },
};
