/** Where an S3-compatible store is and how it is entered, as the Worker's variables and secrets say. Unset: null, or missing, or empty. */
export interface S3Env {
  /** `https://host[:port]`. Without it there is no S3. */
  readonly KEDGE_S3_ENDPOINT?: string | null;
  readonly KEDGE_S3_BUCKET?: string | null;
  /** us-east-1 without; stores that know no regions take any. */
  readonly KEDGE_S3_REGION?: string | null;
  readonly KEDGE_S3_ACCESS_KEY_ID?: string | null;
  readonly KEDGE_S3_SECRET_ACCESS_KEY?: string | null;
  /** Of temporary credentials. */
  readonly KEDGE_S3_SESSION_TOKEN?: string | null;
}

export interface S3Settings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

const DEFAULT_REGION = "us-east-1";

/** Null when no S3 is asked for. @throws Error when what is asked for isn't whole. */
export function s3SettingsOf(env: S3Env): S3Settings | null {
  if (!env.KEDGE_S3_ENDPOINT) return null;
  return {
    endpoint: endpointOf(env.KEDGE_S3_ENDPOINT),
    bucket: needed(env, "KEDGE_S3_BUCKET"),
    region: env.KEDGE_S3_REGION || DEFAULT_REGION,
    accessKeyId: needed(env, "KEDGE_S3_ACCESS_KEY_ID"),
    secretAccessKey: needed(env, "KEDGE_S3_SECRET_ACCESS_KEY"),
    sessionToken: env.KEDGE_S3_SESSION_TOKEN || undefined,
  };
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isUsable = url !== null && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  if (!isUsable || url.username !== "") {
    // Without the text, which may hold keys.
    throw new Error("KEDGE_S3_ENDPOINT takes an address such as https://s3.example.org, without a user or a query");
  }
  return url.href.replace(/\/+$/, "");
}

function needed(env: S3Env, name: keyof S3Env): string {
  const value = env[name];
  if (!value) throw new Error(`KEDGE_S3_ENDPOINT is set, but ${name} isn't: segments can't be kept there without it`);
  return value;
}
