import { describe, expect, it } from "vitest";
import { GATES, type GateResult, runGates } from "#scripts/gates.ts";

const gate = (name: string, ...command: string[]) => ({ name, command });

describe("gates", () => {
  it("fail on an exit code or a missing script, and are reported each with what they said", async () => {
    const gates = [
      gate("version", "node_modules/typescript/bin/tsc", "--version"),
      gate("no such project", "node_modules/typescript/bin/tsc", "-p", "no-such-folder"),
      gate("no such script", "scripts/no-such-script.ts"),
    ];
    const reported: GateResult[] = [];
    const results = await runGates(gates, 2, (result) => reported.push(result));
    expect(reported).toEqual(results);
    const passed = Object.fromEntries(results.map((result) => [result.gate.name, result.passed]));
    expect(passed).toEqual({ version: true, "no such project": false, "no such script": false });
    expect(results.find((result) => result.gate.name === "no such project")?.output).toContain("no-such-folder");
  });

  it("have names of their own", () => {
    expect(new Set(GATES.map(({ name }) => name)).size).toBe(GATES.length);
  });
});
