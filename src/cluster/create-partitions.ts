import type { CreatePartitionsOutcome, MorePartitions, Outcome, TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { checkAssignment, claim, tooFewBrokers } from "./create-topics.ts";
import { MAX_PARTITIONS_PER_REQUEST } from "./limits.ts";
import { DONE, failure, isFailure, repeated, unknownTopic } from "./outcome.ts";
import { newPartition, placedReplicas } from "./placement.ts";
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
    const grown = grow(state, request, replicaCounts);
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

function grow(state: ClusterState, request: MorePartitions, replicaCounts: Map<number, number>): TopicImage | Outcome {
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
  if (additional > MAX_PARTITIONS_PER_REQUEST) return tooMany();
  const factor = topic.partitions[0].replicas.length;
  const replicas =
    request.assignments === null ? placed(state, topic, additional) : assigned(state, request, additional, factor);
  if (!Array.isArray(replicas)) return replicas;
  const full = claim(replicaCounts, replicas);
  if (isFailure(full)) return full;
  return { ...topic, partitions: [...topic.partitions, ...replicas.map((ids, i) => newPartition(current + i, ids))] };
}

function assigned(
  state: ClusterState,
  request: MorePartitions,
  additional: number,
  factor: number,
): number[][] | Outcome {
  const assignments = request.assignments ?? [];
  if (assignments.length !== additional) {
    return failure(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `${additional} partition(s) would be added, but ${assignments.length} assignment(s) are given.`,
    );
  }
  for (const { brokerIds } of assignments) {
    const outcome = checkAssignment(state, brokerIds, factor);
    if (isFailure(outcome)) return outcome;
  }
  return assignments.map(({ brokerIds }) => [...brokerIds]);
}

/** Goes on with the round where the topic's first partition began it. */
function placed(state: ClusterState, topic: TopicImage, additional: number): number[][] | Outcome {
  const brokerIds = [...state.brokers.keys()];
  const factor = topic.partitions[0].replicas.length;
  if (factor > brokerIds.length) return tooFewBrokers(factor, brokerIds.length);
  const start = Math.max(0, brokerIds.indexOf(topic.partitions[0].replicas[0])) + topic.partitions.length;
  return Array.from({ length: additional }, (_, i) => placedReplicas(brokerIds, factor, start + i));
}
