/** Memory, computing time and open files of a process and all its descendants, read from /proc (Linux). */
import { readdirSync, readFileSync } from "node:fs";

/** The process and its descendants. */
export function treeOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const stat = readOrEmpty(`/proc/${entry}/stat`);
    // The second field, the command's name, may hold blanks and brackets: count from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat !== "") parents.set(Number(entry), Number(fields[1]));
  }
  const tree = [pid];
  for (const member of tree) {
    for (const [child, parent] of parents) if (parent === member) tree.push(child);
  }
  return tree;
}

/** Resident memory of the tree. Pages that its processes share count once each (that is what users see in `ps`). */
export function residentBytes(pid: number): number {
  let kilobytes = 0;
  for (const member of treeOf(pid)) {
    kilobytes += Number(/^VmRSS:\s+(\d+)/m.exec(readOrEmpty(`/proc/${member}/status`))?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

/** What Linux counts the time of processes in. */
const TICKS_A_SECOND = 100;

/** The time that the tree's processes have computed so far, in the kernel as well. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const member of treeOf(pid)) {
    const stat = readOrEmpty(`/proc/${member}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat !== "") ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_A_SECOND;
}

export function openFiles(pid: number): number {
  let files = 0;
  for (const member of treeOf(pid)) {
    try {
      files += readdirSync(`/proc/${member}/fd`).length;
    } catch {
      // It ended meanwhile and holds nothing.
    }
  }
  return files;
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
