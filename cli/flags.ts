import { parseArgs } from "node:util";

/** What the command line asks for. Ports of 0 stand for any free one. */
export interface Flags {
  readonly kafkaPort: number;
  readonly httpPort: number;
  readonly host: string;
  readonly advertisedHost: string;
  /** Undefined stands for a temporary directory that is removed at the end. */
  readonly dataDir: string | undefined;
  readonly help: boolean;
}

/** The user's mistake, told in one line without a stack. */
export class UsageError extends Error {}

export const HELP = `Usage: npm start -- [flags]

  --kafka-port PORT       where Kafka clients connect (default 9092, 0 picks a free one)
  --http-port PORT        where HTTP is served (default 8787, 0 picks a free one)
  --host HOST             the address to listen on (default 127.0.0.1)
  --advertised-host HOST  the address that clients are told to connect to (default: the one listened on)
  --data DIR              where everything is stored (default .kedge)
  --ephemeral             store in a temporary directory that is removed at the end
  --help                  this text
`;

const WILDCARD_HOSTS = new Set(["0.0.0.0", "::"]);

/** Reads the flags; throws {@link UsageError} on one that is unknown, doubled in meaning or out of range. */
export function parseFlags(args: readonly string[]): Flags {
  const values = parse(args);
  if (values.ephemeral && values.data !== undefined) throw new UsageError("--data and --ephemeral exclude each other");
  const host = named("--host", values.host ?? "127.0.0.1").replace(/^\[(.*)\]$/, "$1");
  return {
    kafkaPort: port("--kafka-port", values["kafka-port"] ?? "9092"),
    httpPort: port("--http-port", values["http-port"] ?? "8787"),
    host,
    // Nobody can connect to a wildcard address, so that something has to stand in for it.
    advertisedHost: named(
      "--advertised-host",
      values["advertised-host"] ?? (WILDCARD_HOSTS.has(host) ? "127.0.0.1" : host),
    ),
    dataDir: values.ephemeral ? undefined : named("--data", values.data ?? ".kedge"),
    help: values.help ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        "kafka-port": { type: "string" },
        "http-port": { type: "string" },
        host: { type: "string" },
        "advertised-host": { type: "string" },
        data: { type: "string" },
        ephemeral: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function port(flag: string, text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= 65535) return value;
  throw new UsageError(`${flag} takes a port number from 0 to 65535, not "${text}"`);
}

function named(flag: string, text: string): string {
  if (text !== "" && !/[\s,@]/.test(text)) return text;
  if (flag === "--data" && text !== "") return text;
  throw new UsageError(`${flag} takes a name, not "${text}"`);
}
