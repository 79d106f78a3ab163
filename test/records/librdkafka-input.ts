/** What test/vectors/records/capture-librdkafka.mts sends through kcat, and the codecs it sends it with. */
export const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export const COUNT = 400;

export function librdkafkaKey(index: number): string {
  return `key-${index}`;
}

export function librdkafkaValue(index: number): string {
  return `value ${index} of a record batch made by librdkafka ${"x".repeat(index % 50)}`;
}
