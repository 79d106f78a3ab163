import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { workerdConfig } from "#scripts/workerd-config.ts";

const MINIMAL = `
name = "kedge"
main = "worker/index.ts"
compatibility_date = "2026-11-01"
`;
const OBJECT = `
[[durable_objects.bindings]]
name = "BROKER"
class_name = "BrokerObject"
`;
const MIGRATION = `
[[migrations]]
tag = "v1"
new_sqlite_classes = ["BrokerObject"]
`;

describe("workerd's config", () => {
  it("is derived from this repository's wrangler.toml", () => {
    const config = workerdConfig(readFileSync("wrangler.toml", "utf8"), ["index.js", "kernels.wasm"]);
    expect(config).toContain('(name = "index.js", esModule = embed "index.js")');
    expect(config).toContain('(name = "kernels.wasm", wasm = embed "kernels.wasm")');
    expect(config).toContain('(name = "BROKER", durableObjectNamespace = "BrokerObject")');
    expect(config).toContain('(className = "ClusterObject", uniqueKey = "kedge-ClusterObject", enableSql = true)');
    expect(config).toContain('(name = "KEDGE_BROKERS", fromEnvironment = "KEDGE_BROKERS")');
    expect(config).toContain('(name = "SEGMENTS_FOLDER", service = "segments")');
    expect(config).toContain('(name = "KEDGE_S3_BUCKET", fromEnvironment = "KEDGE_S3_BUCKET")');
    expect(config).toContain('(name = "KEDGE_S3_SECRET_ACCESS_KEY", fromEnvironment = "KEDGE_S3_SECRET_ACCESS_KEY")');
  });

  it("takes over variables and flags", () => {
    const toml = `${MINIMAL}compatibility_flags = ["some_flag"]\n[vars]\nTEXT = "a \\"b\\""\nDATA = { x = [1] }\n`;
    const config = workerdConfig(toml, ["index.js"]);
    expect(config).toContain('compatibilityFlags = [\n    "some_flag",\n  ]');
    expect(config).toContain('(name = "TEXT", text = "a \\"b\\"")');
    expect(config).toContain('(name = "DATA", json = "{\\"x\\":[1]}")');
  });

  it("refuses what it would have to leave out", () => {
    expect(() => workerdConfig(`${MINIMAL}[[r2_buckets]]\nbinding = "X"\n`, ["index.js"])).toThrow("r2_buckets");
    expect(() => workerdConfig(`${MINIMAL}[[queues]]\nbinding = "X"\n`, ["index.js"])).toThrow("queues");
    expect(() => workerdConfig(MINIMAL, ["index.js", "x.html"])).toThrow("x.html");
    expect(() => workerdConfig(MINIMAL + OBJECT, ["index.js"])).toThrow("BrokerObject");
    expect(() => workerdConfig(MINIMAL + OBJECT + MIGRATION, ["index.js"])).not.toThrow();
  });
});
