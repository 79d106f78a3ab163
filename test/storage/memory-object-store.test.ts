import { describe, it } from "vitest";
import { MemoryObjectStore } from "../doubles/memory-object-store.ts";
import { objectStoreCases } from "./object-store-cases.ts";

describe("objects in memory", () => {
  for (const { name, run } of objectStoreCases) it(name, () => run(new MemoryObjectStore(), "folder"));
});
