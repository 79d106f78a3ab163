import { ZERO_UUID } from "#bytes/uuid.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import { WireClient } from "./wire-client.ts";

/** What one question got, with everything that rightly differs between two clusters replaced by a word. */
export interface Answered {
  readonly question: string;
  readonly answer: string;
}

/** What is said to people; where Kafka is silent we may say more. */
const SENTENCES: ReadonlySet<string> = new Set([
  "errorMessage",
  "batchIndexErrorMessage",
  "acknowledgeErrorMessage",
  "statusDetail",
  "documentation",
]);

/** Topics, partitions and groups may come in any order. */
function compare(one: unknown, other: unknown): number {
  const [left, right] = [nameOf(one), nameOf(other)];
  return left < right ? -1 : Number(left > right);
}

function nameOf(element: unknown): string {
  if (typeof element !== "object" || element === null) return "";
  const { topic, topicName, name, groupId, subtopologyId, key, partitionIndex, index, partition, partitions } =
    element as Record<string, unknown>;
  // Where a topic goes by its id alone, ids of two clusters are no order; how many of its partitions are named is one.
  const count = Array.isArray(partitions) ? partitions.length : 0;
  const number = Number(partitionIndex ?? index ?? partition ?? count);
  return `${topic ?? topicName ?? name ?? groupId ?? subtopologyId ?? key ?? ""} ${number < 0 ? number : String(number).padStart(9, "0")}`;
}

/** Whether a refused produce tells the log start offset depends in Kafka on how far the request came. No client looks at it. */
function isRefused(value: unknown): value is object {
  return (
    typeof value === "object" &&
    value !== null &&
    "recordErrors" in value &&
    "errorCode" in value &&
    value.errorCode !== 0
  );
}

/** A broker that is asked the same questions as another one. */
export class Session {
  readonly bootstrap: string;
  readonly prefix: string;
  readonly answers: Answered[] = [];
  /** Ids and the like that this cluster chose, and the word that stands for each. */
  readonly #words = new Map<string, string>();
  #client: WireClient | null = null;
  #scope = "";

  constructor(bootstrap: string, prefix: string) {
    this.bootstrap = bootstrap;
    this.prefix = prefix;
    this.call("port", bootstrap.slice(bootstrap.lastIndexOf(":") + 1), "the port");
  }

  topic(name: string): string {
    return `${this.prefix}-${name}`;
  }

  begin(scope: string): void {
    this.#scope = scope;
    this.#client?.close();
    this.#client = null;
  }

  end(): void {
    this.#client?.close();
    this.#client = null;
  }

  /** Asks and notes the answer. */
  async ask<Q, S>(
    what: string,
    messages: readonly [Message<Q>, Message<S>],
    version: number,
    draft: Draft<Q>,
  ): Promise<S> {
    const answer = await this.tell(messages, version, draft);
    this.note(`${what} v${version}`, answer);
    return answer as S;
  }

  /** Asks without noting. */
  async tell<Q, S>(
    [request, response]: readonly [Message<Q>, Message<S>],
    version: number,
    draft: Draft<Q>,
  ): Promise<S> {
    this.#client ??= await WireClient.connect(this.bootstrap);
    const answer = await this.#client.call(request, response, version, draft).catch((error) => `failed: ${error}`);
    if (typeof answer === "string") {
      this.#client.close();
      this.#client = null;
    }
    return answer as S;
  }

  note(question: string, answer: unknown): void {
    this.answers.push({ question: `${this.#scope}: ${question}`, answer: this.#plain(answer) });
  }

  /** From now on this value of the cluster's own choice is written as `word`. */
  call(field: string, value: string | number, word: string): void {
    if (value !== ZERO_UUID) this.#words.set(`${field} ${value}`, word);
  }

  #plain(answer: unknown): string {
    const text = JSON.stringify(answer, (key, value) => {
      if (key === "throttleTimeMs" || SENTENCES.has(key)) return undefined;
      if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
      if (typeof value === "bigint") return String(value);
      if (Array.isArray(value)) return [...value].sort(compare);
      if (isRefused(value)) return { ...value, logStartOffset: undefined };
      const word = typeof value === "object" ? undefined : this.#words.get(`${key} ${value}`);
      if (word !== undefined) return word;
      return value;
    });
    return text?.replaceAll(`${this.prefix}-`, "") ?? "undefined";
  }
}
