import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { withoutConnect } from "#scripts/workerd-tests-config.ts";

describe("the config of the tests in workerd", () => {
  it("is wrangler.toml but for what would take a port or build", () => {
    const toml = readFileSync("wrangler.toml", "utf8");
    const { connect, build, main, ...shared } = parse(toml);
    expect(connect).toBeDefined();
    expect(build).toBeDefined();
    expect(JSON.parse(withoutConnect(toml, "../.."))).toEqual({ ...shared, main: `../../${main}` });
  });
});
