import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { completeLock, type LockEntry, platformOf } from "#scripts/complete-lock.ts";

describe("the lockfile", () => {
  it("is complete and names no registry", () => {
    const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
    expect(completeLock(lock.packages)).toEqual([]);
    expect(Object.values<{ resolved?: string }>(lock.packages).filter(({ resolved }) => resolved)).toEqual([]);
  });

  it("gets the packages of other platforms, beside another version if need be", () => {
    const packages: Record<string, LockEntry> = {
      "": {},
      "node_modules/tool": {
        version: "2.0.0",
        optionalDependencies: { "@tool/linux-x64": "2.0.0", "@tool/darwin-x64": "2.0.0" },
      },
      "node_modules/@tool/linux-x64": { version: "2.0.0" },
      "node_modules/old/node_modules/tool": {
        version: "1.0.0",
        optionalDependencies: { "@tool/darwin-x64": "1.0.0", plain: "1.0.0" },
      },
    };
    expect(completeLock(packages)).toEqual(["@tool/darwin-x64@2.0.0", "@tool/darwin-x64@1.0.0"]);
    const entry = { os: ["darwin"], cpu: ["x64"], dev: true, optional: true };
    expect(packages["node_modules/@tool/darwin-x64"]).toEqual({ version: "2.0.0", ...entry });
    expect(packages["node_modules/old/node_modules/tool/node_modules/@tool/darwin-x64"]).toEqual({
      version: "1.0.0",
      ...entry,
    });
    expect(completeLock(packages)).toEqual([]);
  });

  it.each([
    ["@biomejs/cli-linux-x64-musl", { os: ["linux"], cpu: ["x64"], libc: ["musl"] }],
    ["@biomejs/cli-win32-arm64", { os: ["win32"], cpu: ["arm64"] }],
    ["@cloudflare/workerd-darwin-64", { os: ["darwin"], cpu: ["x64"] }],
    ["@cloudflare/workerd-windows-64", { os: ["win32"], cpu: ["x64"] }],
    ["@rolldown/binding-linux-arm-gnueabihf", { os: ["linux"], cpu: ["arm"], libc: ["glibc"] }],
    ["@rolldown/binding-linux-arm64-gnu", { os: ["linux"], cpu: ["arm64"], libc: ["glibc"] }],
    ["@img/sharp-linuxmusl-arm64", { os: ["linux"], cpu: ["arm64"], libc: ["musl"] }],
    ["@rolldown/binding-wasm32-wasi", { cpu: ["wasm32"] }],
    ["plain", {}],
  ])("reads the platform in %s", (name, platform) => {
    expect(platformOf(name)).toEqual(platform);
  });
});
