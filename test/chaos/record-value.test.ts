import { describe, expect, it } from "vitest";
import { idOf, recordId, valueOf } from "./record-value.ts";

describe("record values", () => {
  it("name their record, at every size", () => {
    for (let number = 0; number < 1_000; number++) {
      const id = recordId("java-once", number);
      expect(idOf(Buffer.from(valueOf(id)))).toBe(id);
    }
  });

  it("show that a byte is missing, or another one", () => {
    const whole = valueOf(recordId("a", 40));
    expect(idOf(whole.slice(0, -1))).toBe("?");
    expect(idOf(`${whole}|`)).toBe("?");
    expect(idOf(`${whole.slice(0, 20)}_${whole.slice(21)}`)).toBe("?");
    expect(idOf(null)).toBe("?");
    expect(idOf("")).toBe("?");
  });
});
