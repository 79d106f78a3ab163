import type { Assignor } from "./assignor.ts";
import { rangeAssignor } from "./range.ts";
import { roundRobinAssignor } from "./round-robin.ts";
import { cooperativeStickyAssignor, stickyAssignor } from "./sticky.ts";

/** The assignors of Apache Kafka's consumer, by the names that `partition.assignment.strategy` knows them by. */
export const ASSIGNORS = {
  range: rangeAssignor,
  roundrobin: roundRobinAssignor,
  sticky: stickyAssignor,
  "cooperative-sticky": cooperativeStickyAssignor,
} satisfies Record<string, Assignor>;
