import { errorName } from "#protocol/errors.ts";
import { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { JoinGroupRequest, JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import { HeartbeatRequest, HeartbeatResponse } from "#protocol/messages/12-heartbeat.ts";
import { LeaveGroupRequest, LeaveGroupResponse } from "#protocol/messages/13-leave-group.ts";
import { SyncGroupRequest, SyncGroupResponse } from "#protocol/messages/14-sync-group.ts";
import { DescribeGroupsRequest, DescribeGroupsResponse } from "#protocol/messages/15-describe-groups.ts";
import { ListGroupsRequest, ListGroupsResponse } from "#protocol/messages/16-list-groups.ts";
import { DeleteGroupsRequest, DeleteGroupsResponse } from "#protocol/messages/42-delete-groups.ts";
import type { Message } from "#protocol/schema.ts";

export interface Api {
  readonly request: Message<unknown>;
  readonly response: Message<unknown>;
}

const api = (request: unknown, response: unknown) => ({ request, response }) as Api;

export const APIS = {
  OffsetCommit: api(OffsetCommitRequest, OffsetCommitResponse),
  OffsetFetch: api(OffsetFetchRequest, OffsetFetchResponse),
  FindCoordinator: api(FindCoordinatorRequest, FindCoordinatorResponse),
  JoinGroup: api(JoinGroupRequest, JoinGroupResponse),
  Heartbeat: api(HeartbeatRequest, HeartbeatResponse),
  LeaveGroup: api(LeaveGroupRequest, LeaveGroupResponse),
  SyncGroup: api(SyncGroupRequest, SyncGroupResponse),
  DescribeGroups: api(DescribeGroupsRequest, DescribeGroupsResponse),
  ListGroups: api(ListGroupsRequest, ListGroupsResponse),
  DeleteGroups: api(DeleteGroupsRequest, DeleteGroupsResponse),
};
export type ApiName = keyof typeof APIS;

/** Who is spoken to: a broker over TCP, or one in this process whose clock a test moves. */
export interface Side {
  /** The id of topic `t`, which has 3 partitions. */
  readonly topicId: string;
  /** One connection a client, so that a parked request only holds its own client up. */
  send(client: string, name: ApiName, version: number, body: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Returns when all that can be answered now has been. */
  settle(): Promise<void>;
  sleep(ms: number): Promise<void>;
}

const MEMBER_ID = /-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-/;
const ZERO = "AAAAAAAAAAAAAAAAAAAAAA";

/** Tells requests and answers so that two brokers which behave alike give the same text: ids are numbered, arrays sorted. */
export class Transcript {
  readonly side: Side;
  private readonly lines: string[] = [];
  private readonly answers = new Map<number, string>();
  private readonly aliases = new Map<string, string>();
  private readonly identities = new Map<string, { memberId: string; generationId: number }>();
  private count = 0;

  constructor(side: Side) {
    this.side = side;
  }

  id(client: string): string {
    return this.identities.get(client)?.memberId ?? "";
  }

  /** A client's own member id and generation are filled in where the request has a place for them and `body` doesn't say. */
  async step(client: string, name: ApiName, version: number, body: Record<string, unknown>): Promise<void> {
    const number = ++this.count;
    const known = this.identities.get(client);
    const own = name === "JoinGroup" ? { memberId: known?.memberId ?? "" } : known;
    const takesOwn = name === "JoinGroup" || name === "SyncGroup" || name === "Heartbeat";
    const request = takesOwn ? { ...own, ...body } : body;
    this.lines.push(`${number} ${client} ${name} ${version} ${JSON.stringify(this.tell(request))}`);
    this.side.send(client, name, version, request).then((answer) => {
      const isMember = name === "JoinGroup" && (answer.errorCode === 0 || answer.errorCode === 79);
      const { memberId, generationId } = answer as { memberId: string; generationId: number };
      if (isMember) this.identities.set(client, { memberId, generationId });
      const when = this.count === number ? "" : ` after ${this.count}`;
      this.answers.set(number, `${when} ${JSON.stringify(this.tell(answer))}`);
    });
    await this.side.settle();
  }

  async sleep(ms: number): Promise<void> {
    await this.side.sleep(ms);
    await this.side.settle();
  }

  text(): string {
    const told = this.lines.map((line, index) => `${line}\n  =>${this.answers.get(index + 1) ?? " no answer"}`);
    return `${told.join("\n")}\n`;
  }

  private tell(value: unknown, key = ""): unknown {
    if (value instanceof Uint8Array) return `<${new TextDecoder().decode(value)}>`;
    if (Array.isArray(value)) return this.sorted(value.map((one) => this.tell(one, key)));
    if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value).filter(([name]) => name !== "throttleTimeMs");
      return Object.fromEntries(entries.map(([name, one]) => [name, this.tell(one, name)]));
    }
    if (typeof value === "number")
      return key === "errorCode" ? errorName(value) : key === "port" && value > 0 ? "a port" : value;
    if (typeof value !== "string") return value;
    if (key === "host" && value !== "") return "a host";
    if (key === "topicId") return value === ZERO ? "none" : value === this.side.topicId ? "of t" : "unknown";
    // Long texts are the same on both sides; only their length is of interest.
    if (value.length > 100) return `${value.length} characters`;
    return MEMBER_ID.test(value) ? this.alias(value) : value;
  }

  private alias(memberId: string): string {
    const known = this.aliases.get(memberId);
    if (known !== undefined) return known;
    const alias = `${memberId.slice(0, memberId.search(MEMBER_ID))}#${this.aliases.size + 1}`;
    this.aliases.set(memberId, alias);
    return alias;
  }

  private sorted(told: unknown[]): unknown[] {
    return told
      .map((one) => [JSON.stringify(one), one] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, one]) => one);
  }
}
