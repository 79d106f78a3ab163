import { describe, expect, it } from "vitest";
import { handlers } from "#broker/registry.ts";
import { parseHead, readHeads } from "#scripts/handler-heads.ts";

describe("heads of handlers", () => {
  it("say for every registered API what is registered", () => {
    const { heads, problems } = readHeads(handlers);
    expect(problems).toEqual([]);
    expect(heads).toHaveLength(handlers.length);
  });

  it("find a version range that the head doesn't have, and a file that nobody registered", () => {
    const others = handlers.filter(({ apiKey }) => apiKey > 1);
    const { problems } = readHeads([{ apiKey: 1, min: 4, max: 99 }, ...others]);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain('"Fetch, 4–99: "');
    expect(problems[1]).toContain("00-produce.ts is not registered");
  });

  it("give the first sentence and the departures", () => {
    const block =
      "/**\n * Fetch, 4–18: reads\n * batches. And more.\n *\n * More. Departure from Kafka: it\n * is fast.\n */\nimport x;\n";
    expect(parseHead(block)).toEqual({
      name: "Fetch",
      versions: "4–18",
      summary: "Reads batches.",
      departures: "It is fast.",
    });
    const lines = "// Fetch (1), versions 0-1. Reads batches.\n// Departures from Kafka: None known.\n\nimport x;\n";
    expect(parseHead(lines)).toEqual({
      name: "Fetch",
      versions: "0–1",
      summary: "Reads batches.",
      departures: undefined,
    });
    expect(parseHead("import x;\n/** Fetch, 0–1: later. */")).toBeUndefined();
  });
});
