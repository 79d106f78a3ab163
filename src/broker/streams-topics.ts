import type { ConfiguredTopic } from "#group/streams/configure.ts";
import type { StreamsHeartbeatCommand, StreamsHeartbeatReply, StreamsLeaveReply } from "#group/streams/heartbeat.ts";
import { StreamsStatus } from "#group/streams/status.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import type { Broker } from "./broker.ts";

/** Internal topics that couldn't be created are remembered up to so many; whose application asks again is told why. */
const MAX_REMEMBERED_FAILURES = 1_000;

/** How many failures one answer tells of. */
const MAX_TOLD_FAILURES = 3;

/** For how many heartbeats a failure is remembered, and not tried again. */
const REMEMBERED_HEARTBEATS = 2;

const CLUSTER_DEFAULT = -1;

export interface Refused {
  readonly kind: "refused";
  readonly errorCode: ErrorCode;
  readonly message: string | null;
}

interface Failure {
  readonly message: string;
  readonly untilMs: number;
}

/** What streams groups need of a broker besides their coordinator: the internal topics of applications, which it creates. */
export class StreamsTopics {
  private readonly broker: Broker;
  private readonly inFlight = new Set<string>();
  private readonly failures = new Map<string, Failure>();

  constructor(broker: Broker) {
    this.broker = broker;
  }

  /** A member's heartbeat. Topics that its application lacks are created afterwards: it hears of them with a later one. */
  async heartbeat(command: StreamsHeartbeatCommand): Promise<StreamsHeartbeatReply | StreamsLeaveReply | Refused> {
    const reply = await this.broker.groups.decide<StreamsHeartbeatReply | StreamsLeaveReply | Refused>(
      command.groupId,
      (machine, turn) => machine.streams.heartbeat(command, turn),
      (errorCode) => ({ kind: "refused", errorCode, message: errorMessage(errorCode) }),
    );
    if (reply.kind !== "beat" || reply.missingTopics.length === 0) return reply;
    const { missingTopics, heartbeatIntervalMs } = reply;
    const told = this.failuresOf(missingTopics);
    this.create(missingTopics, REMEMBERED_HEARTBEATS * heartbeatIntervalMs);
    return told === "" ? reply : { ...reply, statuses: reply.statuses.map((status) => withDetail(status, told)) };
  }

  private failuresOf(topics: readonly ConfiguredTopic[]): string {
    const failed = topics.flatMap(({ name }) => {
      const failure = this.failureOf(name);
      return failure === undefined ? [] : [`${name} (${failure.message})`];
    });
    const more = failed.length - MAX_TOLD_FAILURES;
    return failed.slice(0, MAX_TOLD_FAILURES).join(", ") + (more > 0 ? ` and ${more} more` : "");
  }

  private failureOf(name: string): Failure | undefined {
    const failure = this.failures.get(name);
    if (failure !== undefined && failure.untilMs > this.broker.clock.nowMs()) return failure;
    this.failures.delete(name);
    return undefined;
  }

  private create(topics: readonly ConfiguredTopic[], rememberedMs: number): void {
    const wanted = topics.filter(({ name }) => !this.inFlight.has(name) && this.failureOf(name) === undefined);
    if (wanted.length === 0) return;
    for (const { name } of wanted) this.inFlight.add(name);
    this.request(wanted, rememberedMs)
      // A controller that can't be reached is asked again with the next heartbeat.
      .catch(() => undefined)
      .finally(() => {
        for (const { name } of wanted) this.inFlight.delete(name);
      });
  }

  private async request(topics: readonly ConfiguredTopic[], rememberedMs: number): Promise<void> {
    const outcomes = await this.broker.controller.createTopics(
      topics.map(({ name, partitions, replicationFactor, topicConfigs }) => ({
        name,
        numPartitions: partitions,
        replicationFactor: replicationFactor === 0 ? CLUSTER_DEFAULT : replicationFactor,
        assignments: [],
        configs: topicConfigs.map(({ key, value }) => ({ name: key, value })),
      })),
    );
    for (const { name, errorCode, errorMessage: message } of outcomes) {
      if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) continue;
      this.remember(name, {
        message: message ?? errorMessage(errorCode),
        untilMs: this.broker.clock.nowMs() + rememberedMs,
      });
    }
  }

  private remember(name: string, failure: Failure): void {
    if (this.failures.size >= MAX_REMEMBERED_FAILURES) {
      const [oldest] = this.failures.keys();
      this.failures.delete(oldest);
    }
    this.failures.set(name, failure);
  }
}

function withDetail(status: StreamsHeartbeatReply["statuses"][number], failures: string) {
  if (status.statusCode !== StreamsStatus.MISSING_INTERNAL_TOPICS) return status;
  return { ...status, statusDetail: `${status.statusDetail}; they couldn't be created: ${failures}.` };
}
