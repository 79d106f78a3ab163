/** What a client must do to put load on a broker; each run is a process of its own. */

export interface LoadJob {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly valueBytes: number;
  readonly batching: Batching;
}

/** `default`: the client's own defaults. `large`: batches of up to 1 MB, waited for up to 100 ms. `none`: each record is sent at once. */
export type Batching = "default" | "large" | "none";

export interface Throughput {
  readonly records: number;
  /** Of values. */
  readonly bytes: number;
  readonly seconds: number;
}

export interface Latency {
  readonly records: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface LoadClient {
  /** Name and version, for the report. */
  readonly name: string;
  /** acks=all; from the first record handed over to the last acknowledged. */
  produce(job: LoadJob): Promise<Throughput>;
  /** From the first record that arrives to the last; the whole topic from its beginning. */
  fetch(job: LoadJob): Promise<Throughput>;
  /** acks=all, one record at a time, the next one when the one before was acknowledged. */
  latency(job: LoadJob): Promise<Latency>;
}
