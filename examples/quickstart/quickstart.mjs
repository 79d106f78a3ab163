/** The whole example: load, then read. Flags go to both; see --help. */
await import("./load.mjs");
await import("./read.mjs");
