import { configCases, topicCases } from "./cases/cluster.ts";
import { groupCases } from "./cases/groups.ts";
import { apiVersionsCases, idempotenceCases, produceCases, readCases, sessionCases } from "./cases/records.ts";
import type { Session } from "./session.ts";

const CASES: Readonly<Record<string, (session: Session) => Promise<void>>> = {
  versions: apiVersionsCases,
  produce: produceCases,
  idempotence: idempotenceCases,
  read: readCases,
  sessions: sessionCases,
  groups: groupCases,
  topics: topicCases,
  configs: configCases,
};

export function allCases(only: string | undefined) {
  return Object.entries(CASES)
    .filter(([name]) => only === undefined || only.split(",").includes(name))
    .map(([, cases]) => cases);
}
