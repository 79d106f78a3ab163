/** A WebAssembly file comes compiled: wrangler.toml's rule `CompiledWasm`. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare namespace Cloudflare {
  /** What `env` of `cloudflare:workers` and of the tests in workerd holds. */
  interface Env extends KedgeEnv {}
}

type KedgeEnv = import("./env.ts").Env;
