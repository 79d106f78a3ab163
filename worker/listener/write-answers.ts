import type { Connection } from "#broker/connection.ts";
import type { Pieces } from "#broker/dispatch.ts";
import { CLOSE_CONNECTION, NO_RESPONSE } from "#broker/handler.ts";
import type { Activity } from "./activity.ts";

/** Answers up to this size that are known at the same time leave in one write: a commit answers many requests at once. */
const TOGETHER_MAX_BYTES = 8 * 1024;

/**
 * workerd copies what it is given to write, into memory that the next write of this size uses again and that the processor's cache still has
 * when the socket takes it. Of a piece larger than that every byte goes through memory twice more, in fresh pages.
 */
const WRITE_BYTES = 128 * 1024;

/** So many writes are under way at once: the socket has the next one when it is done with one, without a turn of ours in between. */
const WRITES_UNDER_WAY = 4;

/** Writes a connection's answers in their order until there are none; `activity` says how long the client has taken nothing. */
export async function writeAnswers(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  connection: Connection,
  activity: Activity,
): Promise<void> {
  const writes = new Writes(writer, activity);
  for (let outcome = await connection.next(); outcome !== null; outcome = await connection.next()) {
    if (outcome === CLOSE_CONNECTION) break;
    if (outcome === NO_RESPONSE) continue;
    const answers = together(outcome, connection);
    const pieces = answers.length === 1 ? outcome : [joined(answers)];
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; at += WRITE_BYTES) await writes.add(piece.subarray(at, at + WRITE_BYTES));
    }
    await writes.done();
    for (const { whenWritten } of answers) whenWritten?.();
  }
  await writer.close();
}

/** The answer, and those behind it that are known already, as long as they are small. */
function together(first: Pieces, connection: Connection): Pieces[] {
  const answers = [first];
  let left = TOGETHER_MAX_BYTES - sizeOf(first);
  for (let next = connection.nextKnown(left); next !== null; next = connection.nextKnown(left)) {
    answers.push(next);
    left -= sizeOf(next);
  }
  return answers;
}

function sizeOf(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function joined(answers: readonly Pieces[]): Uint8Array {
  const bytes = new Uint8Array(answers.reduce((sum, pieces) => sum + sizeOf(pieces), 0));
  let at = 0;
  for (const piece of answers.flat()) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** A few writes at a time, in order. */
class Writes {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #activity: Activity;
  readonly #underWay: Promise<void>[] = [];

  constructor(writer: WritableStreamDefaultWriter<Uint8Array>, activity: Activity) {
    this.#writer = writer;
    this.#activity = activity;
  }

  /** Begins a write, and waits for the oldest one if there are many. Rejects when one failed. */
  async add(bytes: Uint8Array): Promise<void> {
    if (this.#underWay.length === 0) this.#activity.writing();
    const written = this.#writer.write(bytes);
    // One that fails is told by whoever waits for it; the others must not be unhandled.
    written.catch(() => undefined);
    this.#underWay.push(written);
    if (this.#underWay.length >= WRITES_UNDER_WAY) await this.#oldest();
  }

  async done(): Promise<void> {
    while (this.#underWay.length > 0) await this.#oldest();
    this.#activity.written();
  }

  async #oldest(): Promise<void> {
    await this.#underWay.shift();
    this.#activity.writing();
  }
}
