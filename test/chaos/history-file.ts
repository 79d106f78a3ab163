import { createReadStream, createWriteStream, type WriteStream } from "node:fs";
import { createInterface } from "node:readline";
import type { HistoryEvent } from "../checker/history.ts";

/** Where a client process writes what it saw, one event a line. */
export class HistoryFile {
  private readonly stream: WriteStream;

  constructor(path: string) {
    this.stream = createWriteStream(path);
  }

  add(event: HistoryEvent): void {
    this.stream.write(`${JSON.stringify(event)}\n`);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.stream.end(resolve));
  }
}

/** Line by line: the history of half an hour is longer than a string may be. Equal ids become one string. */
export async function readHistory(path: string, ids: Map<string, string>): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  const oneString = (key: string, value: unknown): unknown => {
    if (key !== "id") return value;
    const known = ids.get(value as string);
    if (known === undefined) ids.set(value as string, value as string);
    return known ?? value;
  };
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line !== "") events.push(JSON.parse(line, oneString) as HistoryEvent);
  }
  return events;
}
