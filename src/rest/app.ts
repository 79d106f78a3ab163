import { Hono } from "hono";
import { ByteBudget } from "./budget.ts";
import { type RestApp, type RestEnv, refuse } from "./context.ts";
import { MAX_BODIES_BYTES, MAX_READS_BYTES } from "./limits.ts";
import { httpProblem } from "./problems.ts";
import { produceRoutes } from "./produce.ts";
import { recordRoutes } from "./records.ts";
import { streamRoutes } from "./stream.ts";
import { topicRoutes } from "./topics.ts";

export interface RestOptions {
  /** Told of every error that is a bug; the client is answered with a bare 500. */
  readonly onFailure: (error: Error) => void;
}

/**
 * The HTTP edge: the REST Proxy API v2 as far as it is built, and a live tail. One app serves all requests; what a request
 * needs of the world comes with it as bindings.
 */
export function createRest({ onFailure }: RestOptions): RestApp {
  const app: RestApp = new Hono<RestEnv>({ strict: false });
  topicRoutes(app);
  const budgets = { bodies: new ByteBudget(MAX_BODIES_BYTES), reads: new ByteBudget(MAX_READS_BYTES) };
  produceRoutes(app, budgets);
  recordRoutes(app, budgets);
  streamRoutes(app, { budgets, onFailure });
  refuseOtherMethods(app);
  app.notFound(() => refuse(httpProblem(404)));
  app.onError((error) => {
    onFailure(error);
    return refuse(httpProblem(500));
  });
  return app;
}

/** Every path that some method has is 405 for the others. */
function refuseOtherMethods(app: RestApp): void {
  const methods = Map.groupBy(app.routes, ({ path }) => path);
  for (const [path, routes] of methods) {
    const allowed = [...new Set(routes.map(({ method }) => method))];
    if (allowed.includes("GET")) allowed.push("HEAD");
    app.all(path, () => refuse(httpProblem(405), { allow: allowed.join(", ") }));
  }
}
