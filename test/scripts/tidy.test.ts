import { describe, expect, it } from "vitest";
import { readTree, render } from "#scripts/tidy.ts";
import { MAX_FILE_LINES, tidy } from "#scripts/tidy-rules.ts";

const messages = (path: string, text: string, ...others: string[]) =>
  tidy([{ path, text }, ...others.map((other) => ({ path: other, text: "" }))]).map(({ message }) => message);

describe("tidy", () => {
  it("finds nothing in this tree", () => {
    expect(tidy(readTree()).map(render)).toEqual([]);
  });

  it("keeps the walls between rooms", () => {
    expect(messages("src/log/append.ts", 'import { x } from "#broker/x.ts";\n')).toEqual([
      "log may not import from broker",
    ]);
    expect(messages("src/log/append.ts", 'import type {\n  X,\n} from "#client/x.ts";\n')).toHaveLength(1);
    expect(messages("src/log/append.ts", 'export { x } from "#worker/x.ts";\n')).toHaveLength(1);
    expect(messages("src/log/append.ts", 'import { x } from "#records/x.ts";\n')).toEqual([]);
    expect(messages("src/strange/x.ts", 'import "#log/x.ts";\n')).toHaveLength(1);
  });

  it("keeps relative imports inside their room", () => {
    expect(messages("src/group/classic/join.ts", 'import { x } from "../offsets.ts";\n')).toEqual([]);
    expect(messages("src/group/classic/join.ts", 'import { x } from "../../log/x.ts";\n')).toHaveLength(1);
    expect(messages("worker/index.ts", 'import { x } from "../src/log/x.ts";\n')).toHaveLength(1);
    expect(messages("src/log/x.ts", 'import { x } from "#log/y.ts";\n')).toHaveLength(1);
    expect(messages("scripts/x.ts", 'const entry = `\nimport { x } from "../log/x.ts";\n`;\n')).toEqual([]);
    expect(
      messages("scripts/x.ts", 'const a = `\n`;\nimport { x } from "../log/x.ts";\nconst b = `\n`;\n'),
    ).toHaveLength(1);
  });

  it("keeps packages and runtimes out of the core", () => {
    expect(messages("src/log/x.ts", 'import { gzipSync } from "node:zlib";\n')).toHaveLength(1);
    expect(messages("src/rest/x.ts", 'import { Hono } from "hono";\n')).toEqual([]);
    expect(messages("src/rest/x.ts", 'import { Hono } from "honolulu";\n')).toHaveLength(1);
    expect(messages("worker/x.ts", 'import { DurableObject } from "cloudflare:workers";\n')).toEqual([]);
    expect(messages("worker/x.ts", 'const x = await import("left-pad");\n')).toHaveLength(1);
  });

  it("refuses long files, empty names, machine paths and what was left over", () => {
    expect(messages("src/log/x.ts", "\n".repeat(MAX_FILE_LINES))).toHaveLength(1);
    expect(messages("src/log/x.ts", "\n".repeat(MAX_FILE_LINES - 1))).toEqual([]);
    expect(messages("src/log/string-utils.ts", "")).toHaveLength(1);
    expect(messages("src/helpers/x.ts", "")).toHaveLength(1);
    expect(messages("src/log/x.ts", `// see ${"/roo"}${"t/x"}\n`)).toHaveLength(1);
    expect(messages("src/log/x.ts", `// ${"TO"}${"DO"} later\n`)).toHaveLength(1);
    expect(messages("test/log/x.test.ts", `it.${"only"}("x");\n`)).toHaveLength(1);
  });

  it("finds paths in documents that lead nowhere", () => {
    expect(messages("README.md", "See `src/log/x.ts` and [the docs](docs/y.md).\n")).toHaveLength(2);
    expect(messages("README.md", "See `src/log/x.ts` and `src/log/`.\n", "src/log/x.ts")).toEqual([]);
    expect(messages("docs/decisions/1.md", "See [this](../y.md).\n", "docs/y.md")).toEqual([]);
    expect(messages("README.md", "See [there](https://example.org/x).\n")).toEqual([]);
  });
});
