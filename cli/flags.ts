import { isIPv6 } from "node:net";
import { parseArgs } from "node:util";

/** What the command line asks for. Ports of 0 stand for any free one. */
export interface Flags {
  readonly kafkaPort: number;
  readonly httpPort: number;
  readonly host: string;
  readonly advertisedHost: string;
  /** Undefined stands for a temporary directory that is removed at the end. */
  readonly dataDir: string | undefined;
  /** Where sealed segments go in place of a folder of the data directory. */
  readonly s3: S3Location | undefined;
  readonly help: boolean;
}

/** An S3-compatible store, and a bucket in it. */
export interface S3Location {
  readonly endpoint: string;
  readonly bucket: string;
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
  --s3 URL                keep sealed segments in an S3-compatible store: https://HOST[:PORT]/BUCKET, with its keys in the
                          environment (KEDGE_S3_ACCESS_KEY_ID, KEDGE_S3_SECRET_ACCESS_KEY, if need be KEDGE_S3_REGION and
                          KEDGE_S3_SESSION_TOKEN)
  --help                  this text

  Broker configs come by the environment: KEDGE_CONFIGS="name=value;name=value"
`;

const WILDCARD_HOSTS = new Set(["0.0.0.0", "::"]);

/** Reads the flags; throws {@link UsageError} on one that is unknown, doubled in meaning or out of range. */
export function parseFlags(args: readonly string[]): Flags {
  const values = parse(args);
  if (values.ephemeral && values.data !== undefined) throw new UsageError("--data and --ephemeral exclude each other");
  const host = hostName("--host", values.host ?? "127.0.0.1");
  return {
    kafkaPort: port("--kafka-port", values["kafka-port"] ?? "9092"),
    httpPort: port("--http-port", values["http-port"] ?? "8787"),
    host,
    // Nobody can connect to a wildcard address, so that something has to stand in for it.
    advertisedHost: hostName(
      "--advertised-host",
      values["advertised-host"] ?? (WILDCARD_HOSTS.has(host) ? "127.0.0.1" : host),
    ),
    dataDir: values.ephemeral ? undefined : directory("--data", values.data ?? ".kedge"),
    s3: values.s3 === undefined ? undefined : s3Location(values.s3),
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
        s3: { type: "string" },
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

/** A name or an address; one of IPv6 also in brackets, without them in the result. */
function hostName(flag: string, text: string): string {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (isIPv6(bare)) return bare;
  if (text !== "" && !/[\s,@:/?#[\]\\]/.test(text)) return text;
  throw new UsageError(`${flag} takes a host without a port, not "${text}"`);
}

function directory(flag: string, text: string): string {
  if (text !== "") return text;
  throw new UsageError(`${flag} takes a directory, not "${text}"`);
}

function s3Location(text: string): S3Location {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const [, path, bucket] = /^(.*)\/([^/]+)\/?$/.exec(url?.pathname ?? "") ?? [];
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && url.search + url.hash + url.username === "";
  if (!isPlain || path === undefined || bucket === undefined) {
    throw new UsageError(`--s3 takes an address with a bucket, such as https://s3.example.org/kedge, not "${text}"`);
  }
  return { endpoint: url.origin + path, bucket };
}
