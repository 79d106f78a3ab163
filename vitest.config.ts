import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { makeSegmentsFolder, writeWorkerdTestsConfig } from "./scripts/workerd-tests-config.ts";

/** No test is measured by it: a core that is busy with another suite may take its time, but a test that hangs must end. */
const TEST_TIMEOUT_MS = 60_000;

/** It needs a real S3 store. */
const REAL_S3 = "test/storage/s3-real-store.test.ts";

/** Two projects: the pure core and the Node side run in Node; what needs Durable Objects and SQLite runs in workerd itself. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "node",
          environment: "node",
          globalSetup: "test/e2e/temporary-root.ts",
          testTimeout: TEST_TIMEOUT_MS,
          hookTimeout: TEST_TIMEOUT_MS,
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/**/*.workerd.test.ts",
            "**/node_modules/**",
            ...(process.env["KEDGE_S3_ENDPOINT"] ? [] : [REAL_S3]),
          ],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: writeWorkerdTestsConfig() },
            // What `npm start` gives the Worker in the place of a bucket.
            miniflare: {
              serviceBindings: { SEGMENTS_FOLDER: { disk: { path: makeSegmentsFolder(), writable: true } } },
            },
          }),
        ],
        test: {
          name: "workerd",
          testTimeout: TEST_TIMEOUT_MS,
          include: ["test/**/*.workerd.test.ts"],
          exclude: ["**/node_modules/**"],
        },
      },
    ],
  },
});
