/** What a consumer is made of, from its settings. */
import type { Client } from "../client.ts";
import { Coordinator, CoordinatorKey } from "../coordinator.ts";
import { type BookOptions, TopicBook } from "../topic-book.ts";
import type { ConsumerSettings } from "./settings.ts";

const LANES = ["lookup", "fetch", "group", "group-join"];

export function openBook(
  client: Client,
  settings: ConsumerSettings,
  own: Required<Pick<BookOptions, "lane" | "isHeld" | "onChange">>,
): TopicBook {
  return new TopicBook(client, {
    ...own,
    maxAgeMs: settings["metadata.max.age.ms"],
    backoff: { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] },
    requestTimeoutMs: settings["request.timeout.ms"],
    mayCreate: settings["allow.auto.create.topics"],
  });
}

/** Nobody uses the consumer's connections any more. */
export function releaseLanes(client: Client, lane: string): void {
  for (const name of LANES) client.ports.transport.release?.(`${lane}-${name}`);
}

/** The coordinator of the consumer's group; null without one. */
export function openCoordinator(client: Client, settings: ConsumerSettings, lane: string): Coordinator | null {
  const key = settings["group.id"];
  if (key === null) return null;
  const requestTimeoutMs = settings["request.timeout.ms"];
  return new Coordinator(client, { keyType: CoordinatorKey.GROUP, key, lane, requestTimeoutMs });
}
