import type { Broker } from "#broker/broker.ts";
import { Connection } from "#broker/connection.ts";
import type { Activity } from "./activity.ts";
import { FrameReader, UnreadableFrameError } from "./frame-reader.ts";
import type { ReceiveBudget } from "./receive-budget.ts";
import { writeAnswers } from "./write-answers.ts";

/** What the connections of one object share. */
export interface Listener {
  readonly broker: Broker;
  readonly budget: ReceiveBudget;
}

/**
 * Serves one client until it leaves: one loop reads frames, another writes answers, since workerd's pipes hold nothing
 * back and a single loop would wait for itself.
 *
 * Resolves when the connection is closed and nothing of it is left; rejects only for a fault of ours.
 */
export async function serveConnection(socket: Socket, { broker, budget }: Listener, activity: Activity): Promise<void> {
  const { localAddress } = await socket.opened;
  const connection = new Connection(broker, hostOf(localAddress));
  const source = socket.readable.getReader({ mode: "byob" }) as ReadableStreamBYOBReader;
  const writer = socket.writable.getWriter();
  activity.onStale = () => {
    connection.abandon();
    writer.abort(new Error("idle")).catch(() => undefined);
    socket.close().catch(() => undefined);
  };
  const writing = write(writer, connection, activity).finally(() => {
    connection.end();
    // Neither is waited for: with a read under way `cancel` never settles. Closing the socket is what ends that read.
    source.cancel().catch(() => undefined);
    socket.close().catch(() => undefined);
  });
  try {
    await readFrames(new FrameReader(source, budget), connection, activity);
  } catch (error) {
    // A size that can't be and a socket that broke end the connection and nothing else; the runtime's errors have no type of their own.
    if (error instanceof UnreadableFrameError) connection.abandon();
  } finally {
    connection.end();
  }
  await writing;
}

async function readFrames(frames: FrameReader, connection: Connection, activity: Activity): Promise<void> {
  try {
    do {
      activity.read();
      for (let frame = frames.take(); frame !== null; frame = frames.take()) {
        if (!connection.admits(frame) && !(await connection.admit(frame))) return;
        const busy = connection.accept(frame);
        if (busy !== null) await busy;
      }
    } while (await frames.fill());
  } finally {
    frames.close();
  }
}

async function write(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  connection: Connection,
  activity: Activity,
): Promise<void> {
  try {
    await writeAnswers(writer, connection, activity);
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    // A client that went away makes its socket's write fail; that is its right.
    if (connection.failure !== null) throw connection.failure;
  } finally {
    connection.abandon();
  }
}

/** The pipe names the client as the address that was dialled: see `pipeToBroker`. */
function hostOf(address: string | undefined): string {
  return address === undefined ? "unknown" : address.slice(0, address.lastIndexOf(":"));
}
