import { parse } from "smol-toml";

/** The part of wrangler.toml that `npm start` understands. */
interface WranglerConfig {
  readonly name: string;
  readonly compatibility_date: string;
  readonly compatibility_flags?: readonly string[];
  readonly vars?: Readonly<Record<string, unknown>>;
  readonly durable_objects?: { readonly bindings: readonly { readonly name: string; readonly class_name: string }[] };
  readonly r2_buckets?: readonly { readonly binding: string; readonly bucket_name?: string }[];
  readonly migrations?: readonly { readonly tag: string; readonly new_sqlite_classes?: readonly string[] }[];
}

/** What has no part in how the Worker runs inside workerd, or is the bundler's business. */
const NOT_FOR_WORKERD = [
  "$schema",
  "main",
  "build",
  "connect",
  "dev",
  "rules",
  "observability",
  "routes",
  "workers_dev",
  "account_id",
];
const UNDERSTOOD = [
  "name",
  "compatibility_date",
  "compatibility_flags",
  "vars",
  "durable_objects",
  "migrations",
  "r2_buckets",
];

/** Variables whose values come with a start: the brokers and the addresses that they are reached at, their configs, the S3 store. */
const START_VARIABLES = ["KEDGE_BROKERS", "KEDGE_CONFIGS", "KEDGE_S3_ENDPOINT", "KEDGE_S3_BUCKET", "KEDGE_S3_REGION"];

/** What no file may hold: on the platform `wrangler secret put` sets them, here they come with the start, too. */
const SECRETS = ["KEDGE_S3_ACCESS_KEY_ID", "KEDGE_S3_SECRET_ACCESS_KEY", "KEDGE_S3_SESSION_TOKEN"];

/** The bucket in whose place `npm start` has a folder of the data directory. */
const BUCKET = "SEGMENTS";

const MODULE_KINDS: Readonly<Record<string, string>> = { js: "esModule", wasm: "wasm", txt: "text", bin: "data" };

/**
 * workerd's config, in Cap'n Proto's text form, for the Worker that wrangler.toml describes. Addresses and the data directory aren't in
 * it, they come on workerd's command line, so that one config serves every start.
 *
 * @param modules File names of the bundle, the entry first; the config embeds them from its own folder.
 */
export function workerdConfig(wranglerToml: string, modules: readonly string[]): string {
  const wrangler = parse(wranglerToml) as unknown as WranglerConfig;
  const strange = Object.keys(wrangler).filter((key) => ![...NOT_FOR_WORKERD, ...UNDERSTOOD].includes(key));
  if (strange.length > 0)
    throw new Error(`wrangler.toml has settings that npm start can't derive: ${strange.join(", ")}`);

  const sqlite = new Set(wrangler.migrations?.flatMap((migration) => migration.new_sqlite_classes ?? []));
  const objects = wrangler.durable_objects?.bindings ?? [];
  const namespaces = [...new Set(objects.map((object) => object.class_name))];
  const unmigrated = namespaces.filter((className) => !sqlite.has(className));
  if (unmigrated.length > 0)
    throw new Error(`wrangler.toml has no new_sqlite_classes migration for ${unmigrated.join(", ")}`);

  const buckets = wrangler.r2_buckets ?? [];
  const strangers = buckets.map(({ binding }) => binding).filter((binding) => binding !== BUCKET);
  if (strangers.length > 0) throw new Error(`npm start has no folder for the r2_buckets ${strangers.join(", ")}`);

  const bindings = [
    ...buckets.map(({ binding }) => `(name = ${quote(`${binding}_FOLDER`)}, service = "segments")`),
    ...objects.map((object) => `(name = ${quote(object.name)}, durableObjectNamespace = ${quote(object.class_name)})`),
    ...Object.entries(wrangler.vars ?? {}).map(([name, value]) => `(name = ${quote(name)}, ${variable(name, value)})`),
    ...SECRETS.map((name) => `(name = ${quote(name)}, fromEnvironment = ${quote(name)})`),
    `(name = "S3_NETWORK", service = "s3-network")`,
  ];
  return `# Derived from wrangler.toml. Don't edit: it is written anew for every change of the Worker.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "objects", disk = (writable = true)),
    (name = "segments", disk = (writable = true)),
    # For the S3 store alone, which may be the machine's own: nothing else of the Worker gets into private networks.
    (name = "s3-network", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [
    (name = "kafka", tcp = (), service = "worker"),
    (name = "http", http = (), service = "worker"),
  ],
);

const worker :Workerd.Worker = (
  modules = ${list(modules.map(embedded))},
  compatibilityDate = ${quote(wrangler.compatibility_date)},
  compatibilityFlags = ${list((wrangler.compatibility_flags ?? []).map(quote))},
  bindings = ${list(bindings)},
  durableObjectNamespaces = ${list(
    namespaces.map(
      (name) => `(className = ${quote(name)}, uniqueKey = ${quote(`${wrangler.name}-${name}`)}, enableSql = true)`,
    ),
  )},
  durableObjectStorage = (localDisk = "objects"),
);
`;
}

function variable(name: string, value: unknown): string {
  if (START_VARIABLES.includes(name)) return `fromEnvironment = ${quote(name)}`;
  return typeof value === "string" ? `text = ${quote(value)}` : `json = ${quote(JSON.stringify(value))}`;
}

function embedded(file: string): string {
  const kind = MODULE_KINDS[file.slice(file.lastIndexOf(".") + 1)];
  if (!kind) throw new Error(`the bundle holds ${file}, whose kind of module isn't known`);
  return `(name = ${quote(file)}, ${kind} = embed ${quote(file)})`;
}

function list(items: readonly string[]): string {
  return items.length === 0 ? "[]" : `[\n    ${items.join(",\n    ")},\n  ]`;
}

/** A Cap'n Proto string literal, which knows JSON's escapes for ASCII. */
function quote(text: string): string {
  return JSON.stringify(text);
}
