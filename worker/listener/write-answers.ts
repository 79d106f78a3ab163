import type { Connection } from "#broker/connection.ts";
import type { Pieces } from "#broker/dispatch.ts";
import { CLOSE_CONNECTION, NO_RESPONSE } from "#broker/handler.ts";
import type { Activity } from "./activity.ts";

/** Answers up to this size that are known at the same time leave in one write: a commit answers many requests at once. */
export const TOGETHER_MAX_BYTES = 8 * 1024;

/**
 * Writes a connection's answers in their order until there are none; `activity` says how long the client has taken nothing. Large pieces go
 * as they are: smaller writes, or several at a time, were no faster (docs/decisions/0032).
 */
export async function writeAnswers(
  writer: Pick<WritableStreamDefaultWriter<Uint8Array>, "write" | "close">,
  connection: Connection,
  activity: Activity,
): Promise<void> {
  for (let outcome = await connection.next(); outcome !== null; outcome = await connection.next()) {
    if (outcome === CLOSE_CONNECTION) break;
    if (outcome === NO_RESPONSE) continue;
    const answers = together(outcome, connection);
    for (const piece of answers.length === 1 ? outcome : [joined(answers)]) {
      activity.writing();
      await writer.write(piece);
      activity.written();
    }
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

function joined(answers: readonly Pieces[]): Uint8Array {
  const bytes = new Uint8Array(answers.reduce((sum, pieces) => sum + sizeOf(pieces), 0));
  let at = 0;
  for (const piece of answers.flat()) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function sizeOf(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}
