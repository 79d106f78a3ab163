/** One event as a client of the stream sees it. */
export interface SeenEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: string | null;
}

/**
 * Reads server-sent events as a browser does (WHATWG HTML, section 9.2.6), and shows comments too. Written apart from the
 * code that makes them.
 */
export class EventReader {
  readonly comments: string[] = [];
  retryMs: number | null = null;
  /** What the client would send as Last-Event-ID. */
  lastEventId = "";
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly decoder = new TextDecoder();
  private buffer = "";
  isDone = false;

  constructor(response: Response) {
    if (response.body === null) throw new Error("the response has no body");
    this.reader = response.body.getReader();
  }

  cancel(): Promise<void> {
    return this.reader.cancel();
  }

  /** Reads on until there are so many events with data; fewer at the stream's end. */
  async take(count: number): Promise<SeenEvent[]> {
    const events: SeenEvent[] = [];
    while (events.length < count) {
      const frame = await this.nextFrame();
      if (frame === null) break;
      const event = this.readFrame(frame);
      if (event !== null) events.push(event);
    }
    return events;
  }

  async nextFrame(): Promise<string | null> {
    for (;;) {
      const end = this.buffer.indexOf("\n\n");
      if (end >= 0) {
        const frame = this.buffer.slice(0, end);
        this.buffer = this.buffer.slice(end + 2);
        return frame;
      }
      const isMore = await this.readPiece();
      if (!isMore) return null;
    }
  }

  /** Takes one chunk of the body, whatever it is; false at the end. */
  async readPiece(): Promise<boolean> {
    const { done, value } = await this.reader.read();
    if (done) this.isDone = true;
    else this.buffer += this.decoder.decode(value, { stream: true });
    return !done;
  }

  private readFrame(frame: string): SeenEvent | null {
    let event = "message";
    const data: string[] = [];
    for (const line of frame.split(/\r\n|\n|\r/)) {
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (line.startsWith(":")) this.comments.push(line.slice(1).trim());
      else if (field === "id") this.lastEventId = value;
      else if (field === "event") event = value;
      else if (field === "retry") this.retryMs = Number(value);
      else if (field === "data") data.push(value);
      else throw new Error(`a strange line: ${line}`);
    }
    return data.length === 0 ? null : { id: this.lastEventId, event, data: data.join("\n") };
  }
}
