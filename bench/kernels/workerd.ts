/** workerd, the product's runtime, with a small Worker that holds our kernels and those peers that load there. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import path from "node:path";
import { modulesIn } from "#scripts/build-worker.ts";
import { overheadSeconds, type Runtime, type RuntimeBench, timed } from "./runtime.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const FOLDER = path.join(ROOT, "build/bench/kernels/workerd");
const COMPATIBILITY_DATE = /^compatibility_date = "(.*)"/m;

const ENTRY = `
import { benchWorker } from "../../../../bench/kernels/worker.ts";
import { lz4WasmPeer, portablePeers } from "../../../../bench/compare/peers.mjs";
import kernels from "./kernels.wasm";
import lz4WasmModule from "./lz4_wasm_bg.wasm";
import * as lz4Wasm from "./lz4-wasm.mjs";

lz4Wasm.give(new WebAssembly.Instance(lz4WasmModule, { "./lz4_wasm_bg.js": lz4Wasm }).exports);
export default benchWorker(kernels, [...portablePeers, lz4WasmPeer(lz4Wasm)]);
`;

/** Bundles the Worker with wrangler, as the product is. Returns workerd's config. */
function bundle(): string {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const date = COMPATIBILITY_DATE.exec(readFileSync(path.join(ROOT, "wrangler.toml"), "utf8"))?.[1];
  const lz4Wasm = path.join(ROOT, "bench/compare/node_modules/lz4-wasm");
  copyFileSync(path.join(ROOT, "build/kernels.wasm"), path.join(FOLDER, "kernels.wasm"));
  copyFileSync(path.join(lz4Wasm, "lz4_wasm_bg.wasm"), path.join(FOLDER, "lz4_wasm_bg.wasm"));
  // Its glue is for bundlers that instantiate on import; workerd's imports yield modules, so the instance is handed in.
  const glue = readFileSync(path.join(lz4Wasm, "lz4_wasm_bg.js"), "utf8");
  const given = glue.replace(
    /^import \* as wasm from .*$/m,
    "let wasm;\nexport const give = (exports) => (wasm = exports);",
  );
  writeFileSync(path.join(FOLDER, "lz4-wasm.mjs"), given);
  writeFileSync(path.join(FOLDER, "index.mjs"), ENTRY);
  const rule = '[[rules]]\ntype = "CompiledWasm"\nglobs = ["**/*.wasm"]\nfallthrough = true\n';
  const settings = `name = "kernels"\nmain = "index.mjs"\ncompatibility_date = "${date}"\n${rule}`;
  writeFileSync(path.join(FOLDER, "wrangler.toml"), settings);
  const out = path.join(FOLDER, "out");
  runWrangler(out);
  const modules = modulesIn(out).map((file) => {
    const kind = file.endsWith(".wasm") ? "wasm" : "esModule";
    return `(name = ${JSON.stringify(file)}, ${kind} = embed ${JSON.stringify(`out/${file}`)})`;
  });
  const config = path.join(FOLDER, "kernels.capnp");
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "kernels", worker = .kernels)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "kernels")],
);
const kernels :Workerd.Worker = (modules = [${modules.join(", ")}], compatibilityDate = "${date}");
`,
  );
  return config;
}

function runWrangler(out: string): void {
  const wrangler = path.join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const config = path.join(FOLDER, "wrangler.toml");
  const env = {
    ...process.env,
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG_PATH: path.join(ROOT, "build/wrangler-logs"),
    CI: "1",
  };
  const options = [wrangler, "deploy", "--dry-run", "--config", config, "--outdir", out];
  const { status, stdout, stderr } = spawnSync(process.execPath, options, { cwd: FOLDER, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`wrangler failed:\n${stdout}${stderr}`);
}

export class WorkerdRuntime implements Runtime {
  readonly name = "workerd";
  readonly benches: readonly RuntimeBench[];
  private readonly child: ChildProcess;
  private readonly origin: string;
  private readonly agent: Agent;
  private readonly pingSeconds: number;

  private constructor(
    child: ChildProcess,
    origin: string,
    agent: Agent,
    known: { benches: RuntimeBench[]; pingSeconds: number },
  ) {
    this.child = child;
    this.origin = origin;
    this.agent = agent;
    this.benches = known.benches;
    this.pingSeconds = known.pingSeconds;
  }

  static async start(): Promise<WorkerdRuntime> {
    const config = bundle();
    const options = ["serve", "--experimental", "--control-fd=3", config];
    const child = spawn(path.join(ROOT, "node_modules/.bin/workerd"), options, {
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    process.once("exit", () => child.kill("SIGKILL"));
    const origin = `http://127.0.0.1:${await portOf(child)}`;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const benches = JSON.parse(await ask(agent, `${origin}/`)) as RuntimeBench[];
    const pingSeconds = await overheadSeconds(child, () => ask(agent, `${origin}/run?turns=0`));
    return new WorkerdRuntime(child, origin, agent, { benches, pingSeconds });
  }

  async seconds(index: number, turns: number): Promise<number> {
    const seconds = await timed(this.child, () => ask(this.agent, `${this.origin}/run?index=${index}&turns=${turns}`));
    return Math.max(seconds - this.pingSeconds, 1e-6);
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    this.child.kill("SIGKILL");
  }
}

/** Waits for the port that workerd chose. */
async function portOf(child: ChildProcess): Promise<number> {
  let said = "";
  for await (const chunk of child.stdio[3] as AsyncIterable<Buffer>) {
    said += chunk.toString();
    const port = /"port":\s*(\d+)/.exec(said)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error("workerd did not start");
}

function ask(agent: Agent, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        body += part;
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${url}: ${response.statusCode} ${body}`));
      });
    }).on("error", reject);
  });
}
