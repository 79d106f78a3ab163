import { describe, it } from "vitest";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { logStoreCases } from "./log-store-cases.ts";
import { segmentCases } from "./segment-cases.ts";

describe("a log on the memory store", () => {
  for (const { name, run } of [...logStoreCases, ...segmentCases]) {
    it(name, async () => {
      const store = new MemoryLogStore();
      await run(() => store.reopened());
    });
  }
});
