import type { Broker } from "#broker/broker.ts";
import { Connection } from "#broker/connection.ts";
import { CLOSE_CONNECTION, NO_RESPONSE } from "#broker/handler.ts";
import { FrameReader, type ReceiveBudget, UnreadableFrameError } from "./frame-reader.ts";

/**
 * Serves one client until it leaves: one loop reads frames, another writes answers, since workerd's pipes hold nothing
 * back and a single loop would wait for itself.
 *
 * Resolves when the connection is closed and nothing of it is left; rejects only for a fault of ours.
 */
export async function serveConnection(socket: Socket, broker: Broker, budget: ReceiveBudget): Promise<void> {
  const { localAddress } = await socket.opened;
  const connection = new Connection(broker, hostOf(localAddress));
  const source = socket.readable.getReader({ mode: "byob" }) as ReadableStreamBYOBReader;
  const writing = writeAnswers(socket.writable.getWriter(), connection).finally(() => {
    connection.end();
    // Neither is waited for: with a read under way `cancel` never settles. Closing the socket is what ends that read.
    source.cancel().catch(() => undefined);
    socket.close().catch(() => undefined);
  });
  try {
    await readFrames(source, budget, connection);
  } catch (error) {
    // A size that can't be, or a socket that broke: both end the connection and nothing else.
    if (error instanceof UnreadableFrameError) connection.abandon();
  } finally {
    connection.end();
  }
  await writing;
}

async function readFrames(
  source: ReadableStreamBYOBReader,
  budget: ReceiveBudget,
  connection: Connection,
): Promise<void> {
  const frames = new FrameReader(source, budget);
  try {
    do {
      for (let frame = frames.take(); frame !== null; frame = frames.take()) {
        connection.accept(frame);
        if (!connection.hasRoom) await connection.room();
        if (connection.ended) return;
      }
    } while (await frames.fill());
  } finally {
    frames.close();
  }
}

async function writeAnswers(writer: WritableStreamDefaultWriter<Uint8Array>, connection: Connection): Promise<void> {
  try {
    for (let outcome = await connection.next(); outcome !== null; outcome = await connection.next()) {
      if (outcome === CLOSE_CONNECTION) break;
      if (outcome === NO_RESPONSE) continue;
      for (const piece of outcome) await writer.write(piece);
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    // A client that went away makes its socket's write fail; that is its right.
    if (connection.failure !== null) throw connection.failure;
  }
}

/** The pipe names the client as the address that was dialled: see `pipeToBroker`. */
function hostOf(address: string | undefined): string {
  return address === undefined ? "unknown" : address.slice(0, address.lastIndexOf(":"));
}
