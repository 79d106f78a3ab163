/** Media types: which format a request body has, and which one an answer may have (RFC 9110, sections 8.3 and 12.5.1). */

export const METADATA_TYPE = "application/vnd.kafka.v2+json";
export const JSON_TYPE = "application/json";
export const EVENT_STREAM_TYPE = "text/event-stream";

/** How keys and values stand in a JSON body: any JSON, or base64 text. */
export type EmbeddedFormat = "binary" | "json";

const EMBEDDED = /^application\/vnd\.kafka\.([a-z]+)\.v2\+json$/;
const SCHEMA_FORMATS: ReadonlySet<string> = new Set(["avro", "jsonschema", "protobuf"]);

export function embeddedType(format: EmbeddedFormat): string {
  return `application/vnd.kafka.${format}.v2+json`;
}

/** The format that a Content-Type names; `schema` for one that needs a schema registry, null for what no produce body has. */
export function embeddedFormatOf(contentType: string | null): EmbeddedFormat | "schema" | null {
  const name = EMBEDDED.exec(typeOf(contentType ?? ""))?.[1];
  if (name === "binary" || name === "json") return name;
  return name !== undefined && SCHEMA_FORMATS.has(name) ? "schema" : null;
}

/** The type and subtype of a media type, lower case and without parameters. */
function typeOf(mediaType: string): string {
  return mediaType.split(";", 1)[0].trim().toLowerCase();
}

interface AcceptedRange {
  readonly range: string;
  readonly quality: number;
}

/**
 * The first of `offered` (in the server's order of preference) that the Accept header likes best; null when it takes none.
 * No header, or an empty one, takes everything.
 */
export function negotiate(accept: string | null, offered: readonly string[]): string | null {
  const ranges = parseAccept(accept ?? "");
  if (ranges.length === 0) return offered[0];
  let best: string | null = null;
  let bestQuality = 0;
  for (const type of offered) {
    const quality = qualityOf(type, ranges);
    if (quality <= bestQuality) continue;
    best = type;
    bestQuality = quality;
  }
  return best;
}

function parseAccept(accept: string): AcceptedRange[] {
  const ranges: AcceptedRange[] = [];
  for (const item of accept.split(",")) {
    const [range, ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    if (range === "") continue;
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    const quality = weight === undefined ? 1 : Number(weight.slice(2));
    ranges.push({ range, quality: quality >= 0 && quality <= 1 ? quality : 0 });
  }
  return ranges;
}

/** The quality of the most specific range that covers the type. */
function qualityOf(type: string, ranges: readonly AcceptedRange[]): number {
  const wildcard = `${type.slice(0, type.indexOf("/"))}/*`;
  for (const wanted of [type, wildcard, "*/*"]) {
    const match = ranges.find(({ range }) => range === wanted);
    if (match !== undefined) return match.quality;
  }
  return 0;
}
