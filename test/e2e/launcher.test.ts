import { existsSync, globSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { PAGE_BYTES } from "#cli/broker-database.ts";
import { FLOCK, KERNEL_LOCK } from "#cli/kernel-lock.ts";
import { isRunning, type Kedge, runLauncher, startKedge, temporaryDir } from "./kedge.ts";
import { residentBytes, treeOf } from "./process-tree.ts";

const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(...args: Parameters<typeof startKedge>): Promise<Kedge> {
  const kedge = await startKedge(...args);
  open.push(kedge);
  return kedge;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  open.push({ stop: () => socket.destroy() });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

async function listening(): Promise<number> {
  const server: Server = createServer();
  open.push({ stop: () => server.close() });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

/** A data directory that a Kedge has used and left. */
async function usedDir(): Promise<string> {
  const kedge = await startKedge();
  await kedge.stop();
  return kedge.dataDir;
}

/** The database of the one object of a namespace. */
function databaseOf(dataDir: string, namespace: string): string {
  const [path] = globSync(join(dataDir, "objects", namespace, `${"?".repeat(64)}.sqlite`));
  if (path === undefined) throw new Error(`${namespace} has stored nothing`);
  return path;
}

/** The exit code and the output of a launcher that is expected to end by itself. Throws when it serves instead. */
async function refused(...flags: string[]) {
  const launcher = runLauncher(flags);
  const serves = await launcher.outputMatching(/^kedge ready /m).then(
    () => true,
    () => false,
  );
  if (serves) launcher.process.kill("SIGTERM");
  const code = await launcher.ended;
  if (serves) throw new Error(`it was to be refused, and serves:\n${launcher.output()}`);
  return { code, output: launcher.output() };
}

describe("npm start", () => {
  it("says once that it is ready, when HTTP and Kafka really serve, and ends cleanly on Ctrl-C", async () => {
    const kedge = await start();
    expect((await fetch(`${kedge.http}/health`)).status).toBe(200);
    expect(kedge.output().match(/^kedge ready /gm)).toHaveLength(1);
    expect(kedge.output()).toContain("kcat -P");
    expect(await kedge.stop()).toBe(0);
    expect(isRunning(kedge.workerdPid)).toBe(false);
    expect(readdirSync(kedge.dataDir).filter((name) => name !== KERNEL_LOCK)).toEqual(["objects", "segments"]);
  });

  it("gives the broker's object a database of large pages, and workerd takes it", async () => {
    const kedge = await start();
    const dir = join(kedge.dataDir, "objects", "kedge-BrokerObject");
    const databases = readdirSync(dir).filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file));
    expect(databases).toHaveLength(1);
    expect(existsSync(join(dir, `${databases[0]}-wal`))).toBe(true);
    const database = readFileSync(join(dir, databases[0] as string));
    expect(database.readUInt16BE(16)).toBe(PAGE_BYTES);
  });

  it("ends on Ctrl-C while clients are connected", async () => {
    const kedge = await start();
    await connected(kedge.kafkaPort);
    expect(await kedge.stop()).toBe(0);
    expect(isRunning(kedge.workerdPid)).toBe(false);
  });

  it("refuses a port in use and says which flag chooses another", async () => {
    const port = String(await listening());
    const kafka = await refused("--ephemeral", "--kafka-port", port, "--http-port", "0");
    expect(kafka.code).toBe(1);
    expect(kafka.output).toContain(`127.0.0.1:${port} is in use: choose another port for Kafka with --kafka-port`);
    const http = await refused("--ephemeral", "--kafka-port", "0", "--http-port", port);
    expect(http.code).toBe(1);
    expect(http.output).toContain("--http-port");
  });

  it("refuses a config that it can't take, before it touches anything", async () => {
    const dataDir = join(temporaryDir(), "data");
    const launcher = runLauncher(["--data", dataDir, "--kafka-port", "0", "--http-port", "0"], {
      KEDGE_CONFIGS: "num.partitions=3;log.retention.ms=soon",
    });
    expect(await launcher.ended).toBe(1);
    expect(launcher.output()).toContain("kedge: KEDGE_CONFIGS: Invalid value for config log.retention.ms: 'soon'");
    expect(existsSync(dataDir)).toBe(false);
  });

  it.each([
    ["broker", "kedge-BrokerObject", "UPDATE stored_format SET version = version + 1"],
    ["cluster", "kedge-ClusterObject", "UPDATE cluster_metadata SET value = value + 1 WHERE key = 'format'"],
  ])("refuses data of a newer %s, and says so", async (whose, namespace, makeNewer) => {
    const dataDir = await usedDir();
    const database = new DatabaseSync(databaseOf(dataDir, namespace));
    database.exec(makeNewer);
    database.close();
    const { code, output } = await refused("--data", dataDir, "--kafka-port", "0", "--http-port", "0");
    expect(code).toBe(1);
    const sentence = new RegExp(
      `^kedge: can't start on the data directory (\\S+): the ${whose}'s data has format (\\d+), (.*)$`,
      "m",
    );
    const [, where, version, knows] = sentence.exec(output) ?? [];
    expect(where, output).toBe(dataDir);
    expect(knows).toBe(
      `but this Kedge knows ${Number(version) - 1}: start it with the newer Kedge that wrote the data, or give it another data directory`,
    );
  });

  it("gives up on data that can't be opened", async () => {
    const dataDir = await usedDir();
    const path = databaseOf(dataDir, "kedge-BrokerObject");
    const damaged = readFileSync(path);
    // Behind the header: still a database, but none whose tables can be found.
    damaged.fill(0xff, 100, 1_000);
    writeFileSync(path, damaged);
    const { code, output } = await refused("--data", dataDir, "--kafka-port", "0", "--http-port", "0");
    expect(code).toBe(1);
    expect(output).toMatch(/^kedge: (no broker can be opened|can't start) on the data directory /m);
    expect(output).not.toContain("its disk is full");
  });

  it("refuses a data directory that is none", async () => {
    const file = join(temporaryDir(), "file");
    writeFileSync(file, "");
    const { code, output } = await refused("--data", file, "--kafka-port", "0", "--http-port", "0");
    expect(code).toBe(1);
    expect(output).toContain(`the data directory ${file} can't be used`);
  });

  it("refuses a data directory that another Kedge holds", async () => {
    const kedge = await start();
    const second = await refused("--data", kedge.dataDir, "--kafka-port", "0", "--http-port", "0");
    expect(second.code).toBe(1);
    expect(second.output).toContain(`is in use by process ${kedge.launcherPid}`);
    expect((await fetch(`${kedge.http}/health`)).status).toBe(200);
  });

  it.runIf(process.platform === "linux" && existsSync(FLOCK))(
    "refuses a data directory that a Kedge of another container holds, touches nothing there, and takes it when that one was killed",
    async () => {
      const kedge = await start();
      const lock = join(kedge.dataDir, "lock");
      const own = readFileSync(lock, "utf8");
      // As the launcher of another container would have written it: its process ids say nothing here.
      const foreign = own.replaceAll(/pid:\[\d+\]/g, "pid:[1]");
      expect(foreign).not.toBe(own);
      writeFileSync(lock, foreign);
      const unfinished = join(kedge.dataDir, "segments", ".0.1.0.tmp");
      writeFileSync(unfinished, "being copied");
      const second = await refused("--data", kedge.dataDir, "--kafka-port", "0", "--http-port", "0");
      expect(second.code).toBe(1);
      expect(second.output).toContain(`the data directory ${kedge.dataDir} is in use by another Kedge`);
      expect(readFileSync(lock, "utf8")).toBe(foreign);
      expect(existsSync(unfinished)).toBe(true);
      expect((await fetch(`${kedge.http}/health`)).status).toBe(200);
      await kedge.kill9();
      const third = await start({ dataDir: kedge.dataDir });
      expect((await fetch(`${third.http}/health`)).status).toBe(200);
      expect(existsSync(unfinished)).toBe(false);
    },
  );

  it("refuses what it doesn't know, and helps", async () => {
    const unknown = await refused("--nope");
    expect(unknown.code).toBe(1);
    expect(unknown.output).toContain("--nope");
    const help = await refused("--help");
    expect(help.code).toBe(0);
    expect(help.output).toContain("--advertised-host");
  });

  it("leaves no workerd that holds its data when it is killed", async () => {
    const dataDir = temporaryDir();
    const first = await start({ dataDir });
    process.kill(first.launcherPid, "SIGKILL");
    const second = await start({ dataDir });
    expect(isRunning(first.workerdPid)).toBe(false);
    expect((await fetch(`${second.http}/health`)).status).toBe(200);
  });

  it("ends with exit code 1 when workerd does", async () => {
    const kedge = await start();
    const launcher = { ended: kedge.stop, ...kedge };
    process.kill(kedge.workerdPid, "SIGKILL");
    while (isRunning(kedge.launcherPid)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await launcher.ended()).toBe(1);
    expect(kedge.output()).toContain("workerd ended by itself");
  });

  it.runIf(process.platform === "linux")("leaves no Node beside workerd, and idles in less than 100 MB", async () => {
    const kedge = await start();
    const tree = treeOf(kedge.launcherPid);
    const programs = tree.map((pid) => basename(readlinkSync(`/proc/${pid}/exe`)));
    expect(programs).toContain("workerd");
    expect(programs).not.toContain("node");
    expect(residentBytes(kedge.launcherPid)).toBeLessThan(100 * 1024 * 1024);
    expect(await kedge.stop()).toBe(0);
    expect(tree.filter(isRunning)).toEqual([]);
  });

  it("removes what a killed one could not", async () => {
    const flags = ["--ephemeral", "--kafka-port", "0", "--http-port", "0"];
    const ready = /data {3}(\S+) \(removed at the end\)[\s\S]*kedge ready/;
    const killed = runLauncher(flags);
    const [, leftDir] = await killed.outputMatching(ready);
    killed.process.kill("SIGKILL");
    await killed.ended;
    expect(existsSync(leftDir as string)).toBe(true);
    const next = runLauncher(flags);
    open.push({ stop: () => next.process.kill("SIGTERM") && next.ended });
    await next.outputMatching(ready);
    expect(existsSync(leftDir as string)).toBe(false);
  });

  it("removes what was ephemeral", async () => {
    const launcher = runLauncher(["--ephemeral", "--kafka-port", "0", "--http-port", "0"]);
    const [, dataDir] = await launcher.outputMatching(/data {3}(\S+) \(removed at the end\)[\s\S]*kedge ready/);
    expect(existsSync(join(dataDir as string, "objects"))).toBe(true);
    launcher.process.kill("SIGTERM");
    expect(await launcher.ended).toBe(0);
    expect(existsSync(dataDir as string)).toBe(false);
  });

  it("advertises the host and port that it was told", async () => {
    const kedge = await start({ flags: ["--advertised-host", "localhost"] });
    expect(kedge.kafka).toBe(`localhost:${kedge.kafkaPort}`);
  });
});
