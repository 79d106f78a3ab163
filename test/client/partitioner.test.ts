import { describe, expect, it } from "vitest";
import { murmur2, Partitioner, partitionOfKey } from "#client/partitioner.ts";

/**
 * Made by Apache Kafka's own `Utils.murmur2` (kafka-clients 4.4.0, Java 17):
 * `Utils.murmur2(text.getBytes(UTF_8))` and `Utils.toPositive(hash) % 7`.
 */
const JAVA_VECTORS: readonly (readonly [text: string, hash: number, ofSeven: number])[] = [
  ["21", -973932308, 3],
  ["foobar", -790332482, 0],
  ["a-little-bit-long-string", -985981536, 1],
  ["a-little-bit-longer-string", -1486304829, 0],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971, 3],
  ["a", -1563381124, 5],
  ["abc", 479470107, 4],
  ["abcd", -1323649548, 5],
  ["DE", -694007203, 1],
  ["Grüße", 1190824359, 4],
  ["日本語🚀", 1552560481, 3],
  ["", 275646681, 2],
];

/** Hashes of the bytes 0, 1, 2, … up to the given length, from the same Java method. */
const JAVA_COUNTING_VECTORS: readonly (readonly [length: number, hash: number])[] = [
  [1, 375494588],
  [2, -2112343979],
  [3, 51419311],
  [4, 1916244640],
  [5, -1916494074],
  [7, -1488168820],
  [8, 970650281],
  [255, 1542706800],
  [256, -1948347274],
];

describe("murmur2", () => {
  it.each(JAVA_VECTORS)("hashes %j as the Java client does", (text, hash, ofSeven) => {
    const bytes = new TextEncoder().encode(text);
    expect(murmur2(bytes)).toBe(hash);
    expect(partitionOfKey(bytes, 7)).toBe(ofSeven);
  });

  it.each(JAVA_COUNTING_VECTORS)("hashes %i counted bytes as the Java client does", (length, hash) => {
    expect(murmur2(Uint8Array.from({ length }, (_, i) => i))).toBe(hash);
  });

  it("takes bytes above 0x7f as the Java client does", () => {
    expect(murmur2(Uint8Array.of(0x62, 0xff, 0x80))).toBe(600159550);
  });
});

describe("Partitioner", () => {
  const scripted = (...draws: number[]) => ({
    uuid: () => "AAAAAAAAAAAAAAAAAAAAAA",
    below: (bound: number) => {
      const drawn = draws.shift();
      if (drawn === undefined || drawn >= bound) throw new Error(`no draw below ${bound} was scripted`);
      return drawn;
    },
  });

  it("keeps records without a key together until a batch is full, then draws another partition", () => {
    const partitioner = new Partitioner(4, scripted(2, 2));
    expect(partitioner.choose(null, 10_000)).toBe(2);
    expect(partitioner.choose(null, 10_000)).toBe(2);
    expect(partitioner.choose(null, 1)).toBe(3);
  });

  it("sends keyed records where their hash says without disturbing the others", () => {
    const partitioner = new Partitioner(7, scripted(6));
    const key = new TextEncoder().encode("DE");
    expect(partitioner.choose(null, 1)).toBe(6);
    expect(partitioner.choose(key, 100_000)).toBe(1);
    expect(partitioner.choose(null, 1)).toBe(6);
  });

  it("has one choice where there is one partition", () => {
    const partitioner = new Partitioner(1, scripted(0));
    expect(partitioner.choose(null, 20_000)).toBe(0);
    expect(partitioner.choose(null, 20_000)).toBe(0);
  });
});
