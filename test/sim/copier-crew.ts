import type { Auditor } from "./clients/auditor.ts";
import { topicKey } from "./clients/client.ts";
import { Copier } from "./clients/copier.ts";
import type { Simulation } from "./simulation.ts";
import type { CopierSpec, MemberEnd } from "./workload.ts";

const KEEPER_PATIENCE_MS = 500;
const SHORTEST_REST_MS = 500;
const LONGEST_REST_MS = 6_000;

/** The copiers of a run: they die, come back, and take each other's place; in the end one of each transactional id is left. */
export class CopierCrew {
  readonly #simulation: Simulation;
  readonly #specs: readonly CopierSpec[];
  readonly #copiers = new Map<string, Copier>();
  /** Also those that hang while another has their place. */
  readonly #all: Copier[] = [];
  readonly #keepers: Copier[] = [];
  /** Of crews in groups: every life has a transactional id of its own. */
  readonly #idsOf = new Map<string, string[]>();
  #lives = 0;
  #isQuiet = false;

  constructor(simulation: Simulation, specs: readonly CopierSpec[]) {
    this.#simulation = simulation;
    this.#specs = specs;
  }

  /** `schedule` calls back at a time of the workload. */
  start(schedule: (atMs: number, action: () => void) => void): void {
    for (const spec of this.#specs) {
      schedule(spec.startMs, () => this.#start(spec));
      for (const end of spec.ends) schedule(end.atMs, () => this.#end(spec, end));
    }
  }

  #start(spec: CopierSpec): Copier {
    const life = ++this.#lives;
    const own = spec.seat === undefined ? spec : { ...spec, transactionalId: `${spec.transactionalId}-${life}` };
    if (own !== spec) this.#idsOf.set(spec.group, [...(this.#idsOf.get(spec.group) ?? []), own.transactionalId]);
    const copier = new Copier(this.#simulation.process(`${spec.name}.${life}`), this.#simulation, own);
    this.#copiers.set(spec.name, copier);
    this.#all.push(copier);
    copier.process.spawn(() => copier.run());
    // One that has lost its id to another ends; somebody starts it again.
    copier.process.onDeath(() => {
      const { random } = copier.process;
      this.#startAfter(spec, copier, random.between(SHORTEST_REST_MS, LONGEST_REST_MS));
    });
    return copier;
  }

  #startAfter(spec: CopierSpec, copier: Copier, delayMs: number): void {
    this.#simulation.scheduler.at(delayMs, "", () => {
      if (!this.#isQuiet && this.#copiers.get(spec.name) === copier) this.#start(spec);
    });
  }

  /** A process that vanishes leaves its connections behind; one that only seems to be gone is replaced, and comes back as a zombie. */
  #end(spec: CopierSpec, end: MemberEnd): void {
    const copier = this.#copiers.get(spec.name);
    if (copier === undefined || this.#isQuiet) return;
    if (end.how === "leave") {
      copier.process.hang(Math.max(end.returnAfterMs, SHORTEST_REST_MS) * 2);
      this.#start(spec);
      return;
    }
    if (end.how === "vanish") {
      for (const wire of [...this.#simulation.network.wires]) if (wire.process === copier.process) wire.goSilent();
    }
    copier.process.kill();
  }

  /** All end but one of each id or crew, which never aborts and is never slow. */
  keep(): void {
    this.#isQuiet = true;
    for (const copier of this.#all) copier.process.kill();
    const byId = Map.groupBy(this.#specs, (spec) => (spec.seat === undefined ? spec.transactionalId : spec.group));
    for (const [id, [spec]] of byId) {
      if (spec.isAbandoned === true) continue;
      const keeper = { ...spec, name: `${id}-keeper`, abortShare: 0, slowShare: 0, pollGapMs: 20 };
      this.#keepers.push(this.#start({ ...keeper, maxRecords: 100, lateShare: 0 }));
    }
  }

  /** Waits until everything is copied, writes that down, and lets the copiers end. */
  async finish(auditor: Auditor): Promise<void> {
    for (const keeper of this.#keepers) {
      const partitions = await this.#reachEnd(keeper, auditor);
      keeper.stop();
      while (!keeper.isIdle) await auditor.process.sleep(KEEPER_PATIENCE_MS);
      const { transactionalId, group, seat } = keeper.spec;
      const crew = seat === undefined ? {} : { crew: this.#idsOf.get(group) ?? [] };
      const times = { invokedMs: auditor.nowMs, completedMs: auditor.nowMs };
      this.#simulation.record({ type: "copier", client: keeper.name, transactionalId, ...crew, partitions, ...times });
    }
  }

  async #reachEnd(keeper: Copier, auditor: Auditor): Promise<{ topic: string; partition: number }[]> {
    const reached: { topic: string; partition: number }[] = [];
    for (const name of keeper.spec.from) {
      const topic = auditor.topics.get(name);
      for (const position of topic === undefined ? [] : auditor.positionsOf(topic)) {
        const end = await auditor.end(position);
        const place = () => keeper.positions.get(`${name} ${position.partition}`)?.offset ?? -1;
        // What it has read in a transaction that is still open it may have to read again.
        while (place() < end || keeper.isInTransaction) await auditor.process.sleep(KEEPER_PATIENCE_MS);
        reached.push({ topic: topicKey(position), partition: position.partition });
      }
    }
    return reached;
  }
}
