import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
}

const MAX_SKEW_MS = 15 * 60_000;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

/** Why S3 would refuse a request, as its error code; null when the signature (Version 4, in the Authorization header) is right. */
export function signatureFault(request: IncomingMessage, body: Buffer, expected: S3Credentials): string | null {
  const match = AUTHORIZATION.exec(request.headers.authorization ?? "");
  if (match === null) return "AccessDenied";
  const [, accessKeyId, day, region, names, signature] = match as unknown as string[];
  if (accessKeyId !== expected.accessKeyId) return "InvalidAccessKeyId";
  if (region !== expected.region) return "AuthorizationHeaderMalformed";
  if (header(request, "x-amz-security-token") !== (expected.sessionToken ?? "")) return "InvalidToken";
  const date = header(request, "x-amz-date");
  if (!date.startsWith(day) || Math.abs(Date.now() - parseDate(date)) > MAX_SKEW_MS) return "RequestTimeTooSkewed";
  const signed = names.split(";");
  const mustBeSigned = Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"));
  if (![...mustBeSigned, "host"].every((name) => signed.includes(name))) return "AccessDenied";
  const bodyHash = header(request, "x-amz-content-sha256");
  if (bodyHash !== sha256(body)) return "XAmzContentSHA256Mismatch";
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical(request, signed, bodyHash))].join("\n");
  const key = [day, region, "s3", "aws4_request"].reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    Buffer.from(`AWS4${expected.secretAccessKey}`),
  );
  const isRight = timingSafeEqual(hmac(key, text), Buffer.from(signature, "hex"));
  return isRight ? null : "SignatureDoesNotMatch";
}

function canonical(request: IncomingMessage, signed: readonly string[], bodyHash: string): string {
  const [path, search = ""] = (request.url ?? "").split("?");
  const query = search === "" ? [] : search.split("&").map((pair) => (pair.includes("=") ? pair : `${pair}=`));
  const headers = signed.map((name) => `${name}:${header(request, name).trim().replace(/ +/g, " ")}\n`);
  return [request.method, path, query.sort().join("&"), headers.join(""), signed.join(";"), bodyHash].join("\n");
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : (value ?? "");
}

/** `20261122T225300Z` */
function parseDate(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
