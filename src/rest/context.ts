import type { Context, Hono } from "hono";
import type { Client } from "#client/client.ts";
import { JSON_TYPE, METADATA_TYPE, negotiate } from "./media.ts";
import { httpProblem, type Problem } from "./problems.ts";

/** What the shell gives with every request. */
export interface RestBindings {
  readonly client: Client;
  /** Why no broker answers, where the shell knows that its data can't be opened; null otherwise. */
  readonly startFailure?: () => string | null;
}

export interface RestEnv {
  Bindings: RestBindings;
}

export type RestApp = Hono<RestEnv>;
export type RestContext = Context<RestEnv>;
export type RestHandler = (c: RestContext) => Response | Promise<Response>;

/** An answer in JSON. */
export function answer(json: string, contentType: string, status = 200): Response {
  return new Response(json, { status, headers: { "content-type": contentType } });
}

/** An error answer, in the REST Proxy's form. */
export function refuse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  const body = JSON.stringify({ error_code: problem.errorCode, message: problem.message });
  return new Response(body, { status: problem.status, headers: { "content-type": METADATA_TYPE, ...headers } });
}

/** A route that answers with metadata: `produce` gives a JSON value or a problem. 406 where the client takes no JSON. */
export function metadataRoute(handle: (c: RestContext) => Promise<{ readonly json: unknown } | Problem>): RestHandler {
  return async (c) => {
    const contentType = negotiate(c.req.header("accept") ?? null, [METADATA_TYPE, JSON_TYPE]);
    if (contentType === null) return refuse(httpProblem(406));
    const result = await handle(c);
    return "json" in result ? answer(JSON.stringify(result.json), contentType) : refuse(result);
  };
}

/** A path's partition; null where it is none, which no topic has. */
export function partitionOf(text: string): number | null {
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}
