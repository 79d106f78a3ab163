/** How results are shown: a Markdown table with machine, date and commit, or one JSON object a figure. */
import { spawnSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import { type Measured, spread } from "./measure.ts";

export interface Circumstances {
  readonly machine: string;
  readonly date: string;
  readonly commit: string;
  readonly client: string;
  readonly rounds: number;
}

export function circumstances(client: string, rounds: number): Circumstances {
  const processors = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const machine = `${processors.length} × ${processors[0]?.model.trim() ?? "unknown CPU"}, ${gigabytes} GB, Node ${process.version}`;
  return { machine, date: new Date().toISOString().slice(0, 10), commit: commit(), client, rounds };
}

function commit(): string {
  const git = (...options: string[]): string => spawnSync("git", options, { encoding: "utf8" }).stdout?.trim() ?? "";
  const head = git("rev-parse", "--short", "HEAD") || "unknown";
  return git("status", "--porcelain", "src", "worker", "assembly", "cli") === "" ? head : `${head} with changes`;
}

export function toJson(measured: Measured, about: Circumstances): string {
  return JSON.stringify({ ...measured, ...about, rounds: measured.rounds });
}

/** One row a figure, one column a target: median (smallest–largest). */
export function toTable(measured: readonly Measured[]): string {
  const targets = [...new Set(measured.map((one) => one.target))];
  const names = [...new Set(measured.map((one) => one.name))];
  const rows = names.map((name) => {
    const own = measured.filter((one) => one.name === name);
    const cells = targets.map((target) => cell(own.find((one) => one.target === target)));
    return `| ${name} (${own[0].unit}) | ${cells.join(" | ")} |`;
  });
  return [...headOf(`median (smallest–largest) of ${roundsOf(measured)}`, targets), ...rows].join("\n");
}

/** Kedge divided by each other target in the same round: median (smallest–largest). Null where nothing stands beside it. */
export function toRatioTable(measured: readonly Measured[]): string | null {
  const ours = measured.filter(({ target }) => target === "Kedge");
  const others = measured.filter((other) => ours.some((own) => own.name === other.name && own.target !== other.target));
  if (others.length === 0) return null;
  const targets = [...new Set(others.map(({ target }) => target))];
  const compared = ours.filter(({ name }) => others.some((other) => other.name === name));
  const rows = compared.map((own) => {
    const cells = targets.map((target) => {
      const other = others.find((one) => one.target === target && one.name === own.name);
      return cell(other && { ...own, ...spread(own.rounds.map((value, round) => value / other.rounds[round])) });
    });
    return `| ${own.name} | ${cells.join(" | ")} |`;
  });
  const head = headOf(
    "Kedge divided by the other, in the same round",
    targets.map((target) => `to ${target}`),
  );
  return [...head, ...rows].join("\n");
}

function headOf(what: string, targets: readonly string[]): string[] {
  return [`| ${what} | ${targets.join(" | ")} |`, `|---|${targets.map(() => "---:|").join("")}`];
}

/** Not all cases take as many as they are told. */
function roundsOf(measured: readonly Measured[]): string {
  const counts = [...new Set(measured.map(({ rounds }) => rounds.length))].sort((a, b) => a - b);
  return counts.length === 1 && counts[0] === 1 ? "1 round" : `${counts.join(" or ")} rounds`;
}

function cell(measured: Measured | undefined): string {
  if (measured === undefined) return "";
  return `${figure(measured.median)} (${figure(measured.min)}–${figure(measured.max)})`;
}

function figure(value: number): string {
  if (Number.isNaN(value)) return "–";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function footer(about: Circumstances): string {
  return `${about.date}, commit ${about.commit}; ${about.machine}; client ${about.client}.`;
}
