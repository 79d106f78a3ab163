import { describe, expect, it, vi } from "vitest";
import { rpcAnswer } from "#worker/objects/rpc-answer.ts";

describe("an answer over RPC", () => {
  it("is a copy without the size, after which the memory that it was read into is free", () => {
    const backing = Uint8Array.of(9, 0, 0, 0, 5, 1, 2, 3, 4, 5, 9);
    const whenWritten = vi.fn(() => backing.fill(0xff));
    const pieces = Object.assign([backing.subarray(1, 7), backing.subarray(7, 10)], { whenWritten });
    const joined = rpcAnswer(pieces);
    expect([...joined]).toEqual([1, 2, 3, 4, 5]);
    expect(joined.buffer.byteLength).toBe(5);
    expect(whenWritten).toHaveBeenCalledTimes(1);
  });

  it("needs nobody who waits for it", () => {
    expect([...rpcAnswer([Uint8Array.of(0, 0, 0, 1, 7)])]).toEqual([7]);
  });
});
