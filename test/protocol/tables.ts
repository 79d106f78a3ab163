import { readdirSync } from "node:fs";
import type { Message } from "#protocol/schema.ts";

/** Every table in src/protocol by its name, so that no list can forget one. */
export async function loadTables(): Promise<Map<string, Message<unknown>>> {
  const tables = new Map<string, Message<unknown>>();
  for (const folder of ["../../src/protocol/messages/", "../../src/protocol/stored/"]) {
    const url = new URL(folder, import.meta.url);
    for (const file of readdirSync(url)) {
      const exported: Record<string, unknown> = await import(new URL(file, url).href);
      for (const [name, value] of Object.entries(exported)) {
        if (typeof value === "object" && value !== null && "decode" in value)
          tables.set(name, value as Message<unknown>);
      }
    }
  }
  return tables;
}
