import { describe, expect, it } from "vitest";
import { KeyHash } from "#log/compaction/key-hash.ts";

/**
 * Bytes 0, 1, 2, … under the key 00 01 … 0f, from OpenSSL 3.0:
 * openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 -in FILE SIPHASH
 */
const VECTORS: Readonly<Record<number, string>> = {
  0: "A3817F04BA25A8E66DF67214C7550293",
  1: "DA87C1D86B99AF44347659119B22FC45",
  2: "8177228DA4A45DC7FCA38BDEF60AFFE4",
  7: "A1F1EBBED8DBC153C0B84AA61FF08239",
  8: "3B62A9BA6258F5610F83E264F31497B4",
  9: "264499060AD9BAABC47F8B02BB6D71ED",
  15: "5493E99933B0A8117E08EC0F97CFC3D9",
  16: "6EE2A4CA67B054BBFD3315BF85230577",
  17: "473D06E8738DB89854C066C47AE47740",
  31: "2939B0183223FAFC1723DE4F52C43D35",
  63: "5150D1772F50834A503E069A973FBD7C",
  255: "1C9BB67528165F8E468248E3799B0EAB",
  256: "67A00304D3834C4612EAEE7B5F579ACB",
  300: "CE005A406D14B36D5386B5F7A7E1B311",
};

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i & 255);

function hexOf(words: Int32Array): string {
  return [...new Uint8Array(words.buffer)].map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join("");
}

describe("the hash of a key", () => {
  it("is SipHash-2-4 of 128 bits", () => {
    const hash = new KeyHash(counting(16));
    for (const [length, expected] of Object.entries(VECTORS)) {
      hash.hash(counting(Number(length)), 0, Number(length));
      expect([length, hexOf(hash.words)]).toEqual([length, expected]);
    }
  });

  it("is of the bytes it is given, wherever they lie", () => {
    const hash = new KeyHash(counting(16));
    const bytes = new Uint8Array(100).fill(0xaa);
    bytes.set(counting(17), 40);
    hash.hash(bytes, 40, 57);
    expect(hexOf(hash.words)).toBe(VECTORS[17]);
  });

  it("depends on the secret", () => {
    const [one, other] = [new KeyHash(counting(16)), new KeyHash(new Uint8Array(16))];
    one.hash(counting(9), 0, 9);
    other.hash(counting(9), 0, 9);
    expect(hexOf(one.words)).not.toBe(hexOf(other.words));
  });

  it("refuses a secret of another length", () => {
    expect(() => new KeyHash(new Uint8Array(8))).toThrow("16 bytes");
  });
});
