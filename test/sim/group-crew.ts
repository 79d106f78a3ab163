import type { Process } from "./process.ts";
import type { Simulation } from "./simulation.ts";
import type { MemberEnd } from "./workload.ts";

interface CrewSpec {
  readonly name: string;
  readonly group: string;
  readonly topics: readonly string[];
  readonly startMs: number;
  readonly ends: readonly MemberEnd[];
}

interface CrewMember {
  readonly process: Process;
  run(): Promise<void>;
  leave(): Promise<void>;
}

interface CrewPlan<Spec> {
  readonly specs: readonly Spec[];
  start(process: Process, spec: Spec): CrewMember;
  /** Who stays in the end, so that the group can come to the end of its topics. */
  keeper(spec: Spec): Spec;
  /** All others end then. */
  readonly isKeeperAlone?: boolean;
}

/** Members of groups that come, go, die and come back; in the end each group has one that stays. */
export class GroupCrew<Spec extends CrewSpec> {
  readonly #simulation: Simulation;
  readonly #plan: CrewPlan<Spec>;
  readonly #members = new Map<string, CrewMember>();
  #lives = 0;
  #isQuiet = false;

  constructor(simulation: Simulation, plan: CrewPlan<Spec>) {
    this.#simulation = simulation;
    this.#plan = plan;
  }

  /** `schedule` calls back at a time of the workload. */
  start(schedule: (atMs: number, action: () => void) => void): void {
    for (const spec of this.#plan.specs) {
      schedule(spec.startMs, () => this.#start(spec));
      for (const end of spec.ends) schedule(end.atMs, () => this.#end(spec, end));
    }
  }

  #start(spec: Spec): void {
    // The first life of each has a name that faults know.
    const life = this.#members.has(spec.name) ? `again${++this.#lives}` : "1";
    const member = this.#plan.start(this.#simulation.process(`${spec.name}.${life}`), spec);
    this.#members.set(spec.name, member);
    member.process.spawn(() => member.run());
  }

  #end(spec: Spec, { how, returnAfterMs }: MemberEnd): void {
    const member = this.#members.get(spec.name);
    if (member === undefined) return;
    if (how === "vanish") {
      for (const wire of [...this.#simulation.network.wires]) if (wire.process === member.process) wire.goSilent();
    }
    if (how === "leave") member.process.spawn(() => member.leave());
    else member.process.kill();
    if (returnAfterMs < 0) return;
    this.#simulation.scheduler.at(returnAfterMs, "", () => {
      if (this.#members.get(spec.name) !== member || (this.#isQuiet && this.#plan.isKeeperAlone === true)) return;
      member.process.kill();
      this.#start(spec);
    });
  }

  /** Topics by group. */
  get groups(): ReadonlyMap<string, ReadonlySet<string>> {
    const byGroup = Map.groupBy(this.#plan.specs, ({ group }) => group);
    return new Map([...byGroup].map(([group, specs]) => [group, new Set(specs.flatMap(({ topics }) => topics))]));
  }

  keep(): void {
    if (this.#plan.isKeeperAlone === true) for (const member of this.#members.values()) member.process.kill();
    this.#isQuiet = true;
    for (const [group, topics] of this.groups) {
      const spec = this.#plan.specs.find((one) => one.group === group) as Spec;
      this.#start(this.#plan.keeper({ ...spec, name: `${group}-keeper`, topics: [...topics], ends: [] }));
    }
  }
}
