import { ErrorCode } from "#protocol/errors.ts";
import type { Alarm } from "../alarm.ts";
import type { Client } from "../client.ts";
import { type Failure, failure } from "../outcome.ts";
import type { TopicBook } from "../topic-book.ts";
import type { Assignment } from "./assignment.ts";
import type { ConsumerSettings } from "./settings.ts";

/** What comes of anything that is asked of a consumer behind its `close`. */
export const CLOSED = failure(ErrorCode.OPERATION_NOT_ATTEMPTED, "The consumer is closed.");

/** What the parts of one consumer share. */
export interface ConsumerParts {
  readonly client: Client;
  readonly settings: ConsumerSettings;
  readonly book: TopicBook;
  readonly assignment: Assignment;
  /** Lets `poll` look again at once. */
  readonly notify: () => void;
  /** Lets it look again at a time on the clock. */
  readonly alarm: Alarm;
  /** What the next `poll` must say. */
  readonly complain: (problem: Failure) => void;
}

export function isolationOf(settings: ConsumerSettings): 0 | 1 {
  return settings["isolation.level"] === "read_committed" ? 1 : 0;
}
