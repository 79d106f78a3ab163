import type { CreatePartitionsOutcome, MorePartitions, Outcome, TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { checkAssignment, claim, tooFewBrokers } from "./create-topics.ts";
import { MAX_PARTITIONS_PER_REQUEST } from "./limits.ts";
import { DONE, failure, isFailure, repeated, unknownTopic } from "./outcome.ts";
import { addReplicas, newPartition, placedRound, roundCounts } from "./placement.ts";
import type { ClusterRecord, ClusterState, Decision } from "./state.ts";

export function decideCreatePartitions(
  state: ClusterState,
  requests: readonly MorePartitions[],
  args: { readonly validateOnly: boolean },
): Decision<CreatePartitionsOutcome> {
  const duplicates = repeated(requests.map((request) => request.name));
  const replicaCounts = new Map(state.replicaCounts);
  const records: ClusterRecord[] = [];
  let added = 0;
  const outcomes = requests.map((request): CreatePartitionsOutcome => {
    const { name } = request;
    if (duplicates.has(name))
      return { ...failure(ErrorCode.INVALID_REQUEST, "The topic is named twice in the request."), name };
    const grown = grow(state, request, { replicaCounts, isTooLarge: added > MAX_PARTITIONS_PER_REQUEST });
    if (!("name" in grown)) return { ...grown, name };
    added += grown.partitions.length - (state.topics.get(name) as TopicImage).partitions.length;
    records.push({ kind: "topic", topic: grown });
    return { ...DONE, name };
  });
  if (added > MAX_PARTITIONS_PER_REQUEST) {
    const refusal = tooMany();
    return {
      outcomes: outcomes.map((outcome) => (isFailure(outcome) ? outcome : { ...refusal, name: outcome.name })),
      records: [],
    };
  }
  return { outcomes, records: args.validateOnly ? [] : records };
}

function tooMany(): Outcome {
  return failure(ErrorCode.POLICY_VIOLATION, `A request may create at most ${MAX_PARTITIONS_PER_REQUEST} partitions.`);
}

/** What the topics before this one in the request have taken. */
interface Taken {
  readonly replicaCounts: Map<number, number>;
  /** The whole request has failed already; nothing more is placed for it. */
  readonly isTooLarge: boolean;
}

function grow(state: ClusterState, request: MorePartitions, taken: Taken): TopicImage | Outcome {
  const topic = state.topics.get(request.name);
  if (topic === undefined) return unknownTopic();
  const current = topic.partitions.length;
  if (request.count <= current) {
    return failure(
      ErrorCode.INVALID_PARTITIONS,
      request.count === current
        ? `The topic has ${current} partition(s) already.`
        : `The topic has ${current} partition(s); ${request.count} would not be more.`,
    );
  }
  const additional = request.count - current;
  if (additional > MAX_PARTITIONS_PER_REQUEST || taken.isTooLarge) return tooMany();
  const growth = { topic, additional, replicaCounts: taken.replicaCounts };
  const replicas = request.assignments === null ? placed(state, growth) : assigned(state, request, growth);
  if (!Array.isArray(replicas)) return replicas;
  return { ...topic, partitions: [...topic.partitions, ...replicas.map((ids, i) => newPartition(current + i, ids))] };
}

interface Growth {
  readonly topic: TopicImage;
  readonly additional: number;
  readonly replicaCounts: Map<number, number>;
}

function assigned(state: ClusterState, request: MorePartitions, growth: Growth): number[][] | Outcome {
  const { topic, additional, replicaCounts } = growth;
  const assignments = request.assignments ?? [];
  if (assignments.length !== additional) {
    return failure(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `${additional} partition(s) would be added, but ${assignments.length} assignment(s) are given.`,
    );
  }
  const factor = topic.partitions[0].replicas.length;
  for (const { brokerIds } of assignments) {
    const outcome = checkAssignment(state, brokerIds, factor);
    if (isFailure(outcome)) return outcome;
  }
  const replicas = assignments.map(({ brokerIds }) => [...brokerIds]);
  const added = new Map<number, number>();
  addReplicas(added, replicas);
  const full = claim(replicaCounts, added);
  return isFailure(full) ? full : replicas;
}

/** Goes on with the round where the topic's first partition began it. */
function placed(state: ClusterState, { topic, additional, replicaCounts }: Growth): number[][] | Outcome {
  const brokerIds = [...state.brokers.keys()];
  const factor = topic.partitions[0].replicas.length;
  if (factor > brokerIds.length) return tooFewBrokers(factor, brokerIds.length);
  const start = Math.max(0, brokerIds.indexOf(topic.partitions[0].replicas[0])) + topic.partitions.length;
  const round = { brokerIds, replicationFactor: factor, start, numPartitions: additional };
  const full = claim(replicaCounts, roundCounts(round));
  return isFailure(full) ? full : placedRound(round);
}
