import { check } from "../checker/check.ts";
import type { Anomaly, HistoryEvent } from "../checker/history.ts";
import { Admin } from "./clients/admin.ts";
import { Auditor } from "./clients/auditor.ts";
import { topicKey } from "./clients/client.ts";
import { LostError } from "./clients/connection.ts";
import { Consumer } from "./clients/consumer.ts";
import { listOffset } from "./clients/fetcher.ts";
import { Member } from "./clients/member.ts";
import { Producer } from "./clients/producer.ts";
import { Reader } from "./clients/reader.ts";
import { Sharer } from "./clients/sharer.ts";
import { Surveyor } from "./clients/surveyor.ts";
import { Writer } from "./clients/writer.ts";
import { CopierCrew } from "./copier-crew.ts";
import { StorageError } from "./disk.ts";
import { GroupCrew } from "./group-crew.ts";
import { LogAudit } from "./log-audit.ts";
import { RECORD_LOCK_MS, Simulation } from "./simulation.ts";
import type { ConsumerSpec, MemberSpec, SharerSpec, Workload } from "./workload.ts";

const SETUP_MS = 120_000;
/** How long what is left over may take once all is well again. */
const SETTLE_MS = 240_000;
const AUDIT_MS = 240_000;
const MAX_PROBES = 4;
const LATE_MS = 5_000;
const SHARE_CONFIGS = { "share.auto.offset.reset": "earliest" };
/** What brokers' clocks are wrong by from the beginning, and the checker's patience with them. */
const CLOCK_SKEW_MS = 2_100;
/** `offsets.retention.check.interval.ms` */
const GROUPS_FORGOTTEN_MS = 600_000;

export interface RunResult {
  readonly workload: Workload;
  /** Broken rules, things that never came to an end, and exceptions. */
  readonly problems: readonly string[];
  readonly rules: readonly string[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly traceHash: string;
  readonly trace: readonly string[];
  readonly history: readonly HistoryEvent[];
}

/** Runs a workload from its first to its last moment and holds its history against the promises. */
export async function run(workload: Workload, keepsTrace = false): Promise<RunResult> {
  const running = new Run(workload, keepsTrace);
  // An old instance that is refused its storage may complain of it to nobody.
  const onUnhandled = (error: unknown) => {
    if (!(error instanceof StorageError)) running.bug(error);
  };
  process.on("unhandledRejection", onUnhandled);
  try {
    const stuck = await running.play();
    // Node tells of rejections that nobody heard when it comes up for air.
    await new Promise(setImmediate);
    return running.result(stuck);
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
}

class Run {
  readonly #workload: Workload;
  readonly #simulation: Simulation;
  readonly #producers: Producer[] = [];
  readonly #members = new Map<string, Member>();
  readonly #copiers: CopierCrew;
  readonly #consumers: GroupCrew<ConsumerSpec>;
  readonly #sharers: GroupCrew<SharerSpec>;
  readonly #writers: Writer[] = [];
  #beganMs = 0;

  constructor(workload: Workload, keepsTrace: boolean) {
    this.#workload = workload;
    this.#simulation = new Simulation(workload.seed, workload.brokers, keepsTrace);
    this.#copiers = new CopierCrew(this.#simulation, workload.copiers);
    const simulation = this.#simulation;
    this.#consumers = new GroupCrew(simulation, {
      specs: workload.consumers ?? [],
      start: (process, spec) => new Consumer(process, simulation, spec),
      keeper: (spec) => ({ ...spec, instanceId: null, narrowsAtMs: 0, slowShare: 0 }),
    });
    this.#sharers = new GroupCrew(simulation, {
      specs: workload.sharers ?? [],
      start: (process, spec) => new Sharer(process, simulation, spec),
      keeper: (spec) => ({ ...spec, holdMs: 10, slowShare: 0, releaseShare: 0, rejectShare: 0, maxRecords: 100 }),
      // Others may be so slow that they never come to an end.
      isKeeperAlone: true,
    });
  }

  bug(error: unknown): void {
    this.#simulation.bug(error);
  }

  /** What never came to an end, if something didn't. */
  async play(): Promise<string | null> {
    const simulation = this.#simulation;
    const admin = new Admin(simulation.process("admin"), simulation);
    const isSetUp = await this.#until(SETUP_MS, async () => {
      for (const topic of this.#workload.topics) await admin.createUntilThere(topic);
      for (const group of this.#sharers.groups.keys()) await admin.configureGroup(group, SHARE_CONFIGS);
    });
    if (!isSetUp) return "the topics were never there";
    this.#beganMs = simulation.scheduler.nowMs;
    this.#start(admin);
    await simulation.scheduler.run(this.#beganMs + this.#workload.untilMs);
    simulation.heal();
    for (const producer of this.#producers) producer.stop();
    this.#keepGroups();
    this.#copiers.keep();
    this.#consumers.keep();
    this.#sharers.keep();
    for (const writer of this.#writers) writer.stop();
    simulation.record({ type: "quiet", atMs: simulation.scheduler.nowMs });
    const isIdle = () => [...this.#producers, ...this.#writers].every(({ isIdle }) => isIdle);
    await simulation.scheduler.run(simulation.scheduler.nowMs + SETTLE_MS, isIdle);
    if (!isIdle()) return "a producer never got rid of its records";
    return this.#audit();
  }

  result(stuck: string | null): RunResult {
    const simulation = this.#simulation;
    for (const producer of this.#producers) producer.abandon();
    const staleReads = this.#workload.faults.some((fault) => fault.kind === "double-start");
    const jumpsMs = this.#workload.faults.map((fault) => (fault.kind === "clock-jump" ? Math.abs(fault.byMs) : 0));
    const forgetsGroups = jumpsMs.reduce((sum, byMs) => sum + byMs, simulation.scheduler.nowMs) > GROUPS_FORGOTTEN_MS;
    const clockSkewMs = jumpsMs.reduce((sum, byMs) => sum + byMs, CLOCK_SKEW_MS);
    const recordLockMs = jumpsMs.some((byMs) => byMs > 0) ? 0 : RECORD_LOCK_MS;
    const isOver = stuck === null && simulation.bugs.length === 0;
    const options = { staleReads, forgetsGroups, isComplete: isOver, lateMs: LATE_MS, clockSkewMs, recordLockMs };
    const anomalies = check(simulation.history, options);
    const problems = [
      ...simulation.bugs.map((bug) => `exception: ${bug}`),
      ...(stuck === null || simulation.bugs.length > 0 ? [] : [`stuck: ${stuck}`]),
      ...anomalies.map(({ rule, message }: Anomaly) => `${rule}: ${message}`),
    ];
    return {
      workload: this.#workload,
      problems,
      rules: [...new Set(problems.map((problem) => problem.slice(0, problem.indexOf(":"))))],
      simulatedMs: simulation.scheduler.nowMs,
      events: simulation.trace.count,
      traceHash: simulation.trace.hash,
      trace: simulation.trace.lines,
      history: simulation.history,
    };
  }

  /** Runs the world until a task is done; false when it isn't by then. */
  async #until(withinMs: number, task: () => Promise<void>): Promise<boolean> {
    let isDone = false;
    const { scheduler } = this.#simulation;
    task().then(
      () => {
        isDone = true;
      },
      (error) => this.#simulation.bug(error),
    );
    await scheduler.run(scheduler.nowMs + withinMs, () => isDone);
    return isDone;
  }

  #start(admin: Admin): void {
    const simulation = this.#simulation;
    const { producers, readers, members, watchers, admin: actions, faults } = this.#workload;
    const { surveyors = [], writers = [] } = this.#workload;
    for (const spec of producers) {
      const producer = new Producer(simulation.process(spec.name), simulation, spec);
      this.#producers.push(producer);
      producer.process.spawn(() => producer.run());
    }
    for (const spec of readers) {
      const reader = new Reader(simulation.process(spec.name), simulation, spec);
      reader.process.spawn(() => reader.run());
    }
    for (const spec of surveyors) {
      const surveyor = new Surveyor(simulation.process(spec.name), simulation, spec);
      surveyor.process.spawn(() => surveyor.run());
    }
    for (const spec of writers) {
      const writer = new Writer(simulation.process(spec.name), simulation, spec);
      this.#writers.push(writer);
      writer.process.spawn(() => writer.run());
    }
    for (const spec of watchers) {
      const watcher = new Auditor(simulation.process(spec.name), simulation);
      watcher.process.spawn(() => watcher.watch(spec));
    }
    for (const spec of members) this.#schedule(spec.startMs, () => this.#startMember(spec, 1));
    for (const spec of members) for (const end of spec.ends) this.#schedule(end.atMs, () => this.#endMember(spec, end));
    const schedule = (atMs: number, action: () => void) => this.#schedule(atMs, action);
    this.#copiers.start(schedule);
    this.#consumers.start(schedule);
    this.#sharers.start(schedule);
    for (const action of actions) this.#schedule(action.atMs, () => admin.process.spawn(() => admin.carryOut(action)));
    for (const fault of faults) this.#schedule(fault.atMs, () => simulation.apply(fault));
  }

  #schedule(atMs: number, action: () => void): void {
    const { scheduler } = this.#simulation;
    if (atMs >= this.#workload.untilMs) return;
    scheduler.at(this.#beganMs + atMs - scheduler.nowMs, "", action);
  }

  #startMember(spec: MemberSpec, life: number): void {
    const process = this.#simulation.process(`${spec.name}.${life}`);
    const member = new Member(process, this.#simulation, spec);
    this.#members.set(spec.name, member);
    process.spawn(() => member.run());
  }

  #endMember(spec: MemberSpec, end: MemberSpec["ends"][number]): void {
    const member = this.#members.get(spec.name);
    if (member === undefined) return;
    if (end.how === "vanish") {
      for (const wire of [...this.#simulation.network.wires]) if (wire.process === member.process) wire.goSilent();
    }
    if (end.how === "leave") member.process.spawn(() => member.leave());
    else member.process.kill();
    if (end.returnAfterMs < 0) return;
    const life = 1 + Number(member.name.slice(member.name.lastIndexOf(".") + 1));
    this.#simulation.scheduler.at(end.returnAfterMs, "", () => {
      if (this.#members.get(spec.name) !== member) return;
      member.process.kill();
      this.#startMember(spec, life);
    });
  }

  /** Each group gets a member that stays, so that it can come to the end of its topics. */
  #keepGroups(): void {
    const groups = Map.groupBy(this.#workload.members, (spec) => spec.group);
    for (const [group, specs] of groups) {
      const topics = [...new Set(specs.flatMap((spec) => spec.topics))];
      this.#startMember({ ...specs[0], name: `${group}-keeper`, topics, instanceId: null, ends: [] }, 1);
    }
  }

  async #audit(): Promise<string | null> {
    const simulation = this.#simulation;
    const auditor = new Auditor(simulation.process("auditor"), simulation);
    const hasProbed = await this.#until(AUDIT_MS, () => probe(auditor));
    if (!hasProbed) return "the probes never ended";
    const groups = await this.#until(AUDIT_MS, () => this.#groupsAtEnd(auditor));
    if (!groups) return "a group never came to the end of its topics";
    const isShared = await this.#until(AUDIT_MS, () => this.#sharedToEnd(auditor));
    if (!isShared) return "a share group never came to the end of its topics";
    const isCopied = await this.#until(AUDIT_MS, () => this.#copiers.finish(auditor));
    if (!isCopied) return "a copier never came to the end of its topics";
    const logs = new LogAudit(simulation, auditor, this.#workload.topics);
    // Logs settle for long, and nobody else has to wait for that.
    if (!logs.isEmpty)
      for (const process of simulation.processes.values()) if (process !== auditor.process) process.kill();
    if (!(await this.#until(AUDIT_MS, () => logs.settle()))) return "a compacted log never came to hold each key once";
    simulation.controller.crash(0);
    for (const host of simulation.hosts.values()) host.crash(0, false);
    const isAudited = await this.#until(AUDIT_MS, () => this.#readAll());
    if (!isAudited) return "the last reading never ended";
    if (!(await this.#until(AUDIT_MS, () => logs.expire()))) return "records of a log never expired";
    if (await this.#until(AUDIT_MS, () => logs.sweepBucket())) return null;
    return `nobody refers to ${logs.orphans().at(0)} in the bucket`;
  }

  async #groupsAtEnd(auditor: Auditor): Promise<void> {
    const groups = Map.groupBy(this.#workload.members, (spec) => spec.group);
    const classic = [...groups].map(
      ([group, specs]) => [group, new Set(specs.flatMap((spec) => spec.topics))] as const,
    );
    for (const [group, names] of [...classic, ...this.#consumers.groups]) {
      for (const name of names) {
        const topic = auditor.topics.get(name);
        for (const position of topic === undefined ? [] : auditor.positionsOf(topic)) {
          const end = await auditor.end(position);
          if (end === 0) continue;
          const topicName = topicKey(position);
          const hasCommitted = (event: HistoryEvent) =>
            event.type === "commit" &&
            event.group === group &&
            event.topic === topicName &&
            event.partition === position.partition &&
            event.offset >= end &&
            event.outcome === "acknowledged";
          while (!this.#simulation.history.some(hasCommitted)) await auditor.process.sleep(1_000);
        }
      }
    }
  }

  /** Every record that is there has been given to somebody. */
  async #sharedToEnd(auditor: Auditor): Promise<void> {
    for (const [group, names] of this.#sharers.groups) {
      for (const name of names) {
        const topic = auditor.topics.get(name);
        for (const position of topic === undefined ? [] : auditor.positionsOf(topic)) {
          const end = await auditor.end(position);
          const at = { topic: topicKey(position), partition: position.partition };
          const hasGiven = (event: HistoryEvent) =>
            event.type === "acquisition" &&
            event.group === group &&
            event.topic === at.topic &&
            event.partition === at.partition &&
            event.ranges.some(({ last }) => last >= end - 1);
          const first = await auditor.persist(() => listOffset(auditor, position, "earliest"));
          while (first < end && !this.#simulation.history.some(hasGiven)) await auditor.process.sleep(1_000);
        }
      }
    }
    // What was given to somebody who has gone comes to the one that stays.
    await auditor.process.sleep(2 * RECORD_LOCK_MS);
  }

  /** After everything has been started anew: what is there now is there to stay. */
  async #readAll(): Promise<void> {
    const auditor = new Auditor(this.#simulation.process("last-auditor"), this.#simulation);
    const topics = await auditor.lookAtTopics();
    const { copiers, writers = [] } = this.#workload;
    const isolations = copiers.length + writers.length > 0 ? [false, true] : [false];
    for (const topic of topics) {
      for (const position of auditor.positionsOf(topic)) {
        for (const isCommittedOnly of isolations) await auditor.read(position, isCommittedOnly);
      }
    }
    for (const [group, specs] of Map.groupBy(this.#workload.members, (spec) => spec.group)) {
      const names = new Set(specs.flatMap((spec) => spec.topics));
      const positions = topics.filter((topic) => names.has(topic.name)).flatMap((topic) => auditor.positionsOf(topic));
      await auditor.committed(group, positions);
    }
  }
}

async function probe(auditor: Auditor): Promise<void> {
  const topics = await auditor.lookAtTopics();
  const positions = topics.flatMap((topic) => auditor.positionsOf(topic));
  for (const position of positions.slice(0, MAX_PROBES)) {
    try {
      await auditor.probe(position);
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
    }
  }
}
