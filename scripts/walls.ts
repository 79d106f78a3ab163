/** The walls between the rooms: what each may import. A room that stands in no row may not exist. */

const BELOW_RECORDS = ["bytes", "kernels", "ports", "protocol"];
const BELOW_THE_WIRE = [
  "bytes",
  "cluster",
  "coordinator",
  "group",
  "kernels",
  "log",
  "ports",
  "protocol",
  "records",
  "share",
  "transaction",
];

export interface Room {
  /** Other rooms whose files it may import by `#room/file.ts`. */
  readonly rooms: readonly string[];
  /** Packages and `node:` or `cloudflare:` modules; `*` stands for any. */
  readonly packages: readonly string[];
}

/** Rooms of src/, bottom up, then the shells. Keys are the names that `#name/` imports use. */
export const WALLS: Readonly<Record<string, Room>> = {
  bytes: { rooms: [], packages: [] },
  kernels: { rooms: [], packages: [] },
  protocol: { rooms: ["bytes"], packages: [] },
  ports: { rooms: ["bytes", "protocol"], packages: [] },
  records: { rooms: BELOW_RECORDS, packages: [] },
  log: { rooms: [...BELOW_RECORDS, "records"], packages: [] },
  coordinator: { rooms: ["bytes", "ports", "protocol"], packages: [] },
  group: { rooms: ["bytes", "coordinator", "ports", "protocol"], packages: ["re2js"] },
  transaction: { rooms: ["bytes", "coordinator", "ports", "protocol"], packages: [] },
  share: { rooms: ["bytes", "coordinator", "ports", "protocol"], packages: [] },
  cluster: { rooms: ["bytes", "ports", "protocol"], packages: [] },
  broker: { rooms: BELOW_THE_WIRE, packages: [] },
  client: { rooms: [...BELOW_RECORDS, "records"], packages: [] },
  rest: { rooms: [...BELOW_RECORDS, "records", "client"], packages: ["hono"] },
  worker: {
    rooms: [...BELOW_THE_WIRE, "broker", "client", "rest"],
    packages: ["aws4fetch", "hono", "cloudflare:*", "node:*"],
  },
  cli: { rooms: ["cluster", "ports"], packages: ["node:*"] },
  scripts: { rooms: ["*"], packages: ["*"] },
  bench: { rooms: ["*"], packages: ["*"] },
  examples: { rooms: [], packages: ["*"] },
  test: { rooms: ["*"], packages: ["*"] },
  // AssemblyScript resolves its imports itself, without package.json's `imports`.
  assembly: { rooms: [], packages: [] },
};

/** The room that a file belongs to; undefined for files at the top, such as vitest.config.ts. */
export function roomOf(path: string): string | undefined {
  const [top, second, ...rest] = path.split("/");
  if (top === "src") return rest.length > 0 ? second : undefined;
  return second === undefined ? undefined : top;
}

export function mayImportPackage(room: Room, specifier: string): boolean {
  return room.packages.some((allowed) =>
    allowed.endsWith("*")
      ? specifier.startsWith(allowed.slice(0, -1))
      : specifier === allowed || specifier.startsWith(`${allowed}/`),
  );
}

export function mayImportRoom(room: Room, target: string): boolean {
  return room.rooms.includes("*") || room.rooms.includes(target);
}
