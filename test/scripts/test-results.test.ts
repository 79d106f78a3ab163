import { describe, expect, it } from "vitest";
import { count, type VitestReport } from "#scripts/test-results.ts";

const report = (parts: Partial<VitestReport>): VitestReport => ({
  success: true,
  numPassedTests: 0,
  numFailedTests: 0,
  testResults: [],
  ...parts,
});
const file = (status: string, ...statuses: string[]) => ({
  name: "x.test.ts",
  status,
  assertionResults: statuses.map((each) => ({ status: each })),
});

describe("the counts of a test run", () => {
  it("are vitest's own where all files loaded", () => {
    expect(count(report({ numPassedTests: 3, testResults: [file("passed", "passed")] }))).toEqual({
      passed: 3,
      failed: 0,
    });
    const failed = report({ success: false, numFailedTests: 1, testResults: [file("failed", "failed")] });
    expect(count(failed)).toEqual({ passed: 0, failed: 1 });
  });

  it("hold a file that could not be loaded", () => {
    const unloaded = report({
      success: false,
      numPassedTests: 3,
      testResults: [file("failed"), file("passed", "passed")],
    });
    expect(count(unloaded)).toEqual({ passed: 3, failed: 1 });
  });

  it("hold a run that failed outside every test", () => {
    expect(count(report({ success: false, numPassedTests: 3 }))).toEqual({ passed: 3, failed: 1 });
  });
});
