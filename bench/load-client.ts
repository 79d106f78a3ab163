/** What a client must do to put load on a broker; each run is a process of its own. */

export interface LoadJob {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly valueBytes: number;
  readonly batching: Batching;
  /** Of a fetch: how often the topic is read, where the client can do so in one run. */
  readonly passes?: number;
}

/**
 * `default`: the client's own defaults. `medium`: batches of up to 256 KB, waited for up to 20 ms. `large`: of up to 1 MB, up to 100 ms.
 * `none`: each record is sent at once.
 */
export type Batching = "default" | "medium" | "large" | "none";

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
  /** The whole topic from its beginning, once or `passes` times. */
  fetch(job: LoadJob): Promise<Throughput>;
  /** acks=all, at a steady rate, each record measured from the moment it was due. Not every client can. */
  paced?(job: LoadJob, recordsPerSecond: number): Promise<Latency>;
  /** acks=all, one record at a time, the next one when the one before was acknowledged. */
  latency(job: LoadJob): Promise<Latency>;
}
