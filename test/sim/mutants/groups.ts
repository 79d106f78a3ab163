import type { Mutant } from "./mutant.ts";

const RECONCILE = "src/group/consumer/reconcile.ts";
const SHARE_PARTITION = "src/share/share-partition.ts";

/** Bugs in consumer groups of KIP-848. */
const CONSUMER_MUTANTS: readonly Mutant[] = [
  {
    name: "a partition is given away before its owner has given it back",
    file: RECONCILE,
    from: "if (!wasOwn && input.isOwned(topicId, partitionIndex)) isWaiting = true;",
    to: "if (!wasOwn && partitionIndex < 0) isWaiting = true;",
    seeds: 60,
    foundBy: 12,
  },
  {
    name: "nobody waits until a member says that it has given something back",
    file: RECONCILE,
    from: "  if (revoked.size > 0 && stillReports(input.reported, revoked)) {\n",
    to: "  if (revoked.size > 0 && stillReports(input.reported, revoked) && targetEpoch < 0) {\n",
    seeds: 60,
    foundBy: 44,
  },
  {
    name: "what a member has yet to give back belongs to nobody",
    file: "src/group/consumer/group.ts",
    from: "for (const owned of member === undefined ? [] : [member.assigned, member.pendingRevocation]) {",
    to: "for (const owned of member === undefined ? [] : [member.assigned]) {",
    seeds: 60,
    foundBy: 44,
  },
  {
    name: "whoever was a member may commit",
    file: "src/group/admission.ts",
    from: "  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;\n  if (producer",
    to: "  if (member === undefined) return ErrorCode.NONE;\n  if (producer",
    seeds: 100,
    foundBy: 69,
  },
  {
    name: "a consumer group never loses a member that is silent",
    file: "src/group/consumer/protocol.ts",
    from: '    if (timer.kind === "rebalance" && member.state !== MemberState.UNREVOKED_PARTITIONS) return;\n',
    to: "    return;\n",
    seeds: 60,
    foundBy: 6,
  },
];

/** Bugs in share groups. */
const SHARE_MUTANTS: readonly Mutant[] = [
  {
    name: "records that a member holds are given to others",
    file: "src/share/in-flight.ts",
    from: "return run.state === RecordState.AVAILABLE && run.transition === null;",
    to: "return !isTerminal(run.state) && run.transition === null;",
    seeds: 60,
    foundBy: 3,
  },
  {
    name: "a restart forgets what was acknowledged",
    file: SHARE_PARTITION,
    from: "const state = deliveryState === RecordState.ACQUIRED ? RecordState.AVAILABLE : (deliveryState as RecordState);",
    to: "const state = RecordState.AVAILABLE;",
    seeds: 60,
    foundBy: 3,
  },
  {
    name: "a restart forgets how often records were delivered",
    file: SHARE_PARTITION,
    from: "last: lastOffset, state, deliveryCount, ...nobody }] });",
    to: "last: lastOffset, state, deliveryCount: 0, ...nobody }] });",
    seeds: 100,
    foundBy: 3,
  },
  {
    name: "an acknowledgement is answered before it is stored",
    file: "src/broker/share/partitions.ts",
    from: "return outcome.write === null ? ErrorCode.NONE : this.store(loaded, outcome.write);",
    to: "if (outcome.write !== null) void this.store(loaded, outcome.write);\n    return ErrorCode.NONE;",
    seeds: 200,
    foundBy: 3,
  },
  {
    name: "a delivery isn't counted",
    file: "src/share/acquire.ts",
    from: "  run.deliveryCount += 1;\n",
    to: "  run.deliveryCount = 1;\n",
    seeds: 60,
    foundBy: 3,
  },
  {
    name: "what was accepted is told as acquired again",
    file: "src/share/acquire.ts",
    from: "  if (!isAcquirable(run)) return 0;\n",
    to:
      "  if (run.state === RecordState.ACKNOWLEDGED && run.transition === null)\n" +
      "    acquisition.ranges.push({ first: run.first, last: run.last, deliveryCount: run.deliveryCount });\n" +
      "  if (!isAcquirable(run)) return 0;\n",
    seeds: 60,
    foundBy: 3,
  },
  {
    name: "what a record limit leaves of a batch is given to nobody",
    file: "src/share/acquire.ts",
    from: "if (held < last) runs.push({ ...UNHELD, first: held + 1, last });",
    to: "if (held < last) runs.push({ ...UNHELD, state: RecordState.ARCHIVED, first: held + 1, last });",
    seeds: 200,
    foundBy: 27,
  },
];

export const GROUP_MUTANTS: readonly Mutant[] = [...CONSUMER_MUTANTS, ...SHARE_MUTANTS];
